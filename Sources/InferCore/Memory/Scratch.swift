/// Memory for the activations of a step: a bump pointer that is reset between steps and given back never.
///
/// A step that needs more than there is gets another chunk; the next ``reset()`` melts all chunks into one
/// as large as their sum, so that the steady state allocates nothing. Used by one thread at a time: the
/// engine's.
@safe final class Scratch {
  private var chunks: [Chunk] = []
  private var used = 0

  private final class Chunk {
    let buffer: AlignedBuffer
    init(byteCount: Int) { buffer = AlignedBuffer(byteCount: byteCount) }
  }

  /// Bytes held.
  var byteCount: Int { chunks.reduce(0) { $0 + $1.buffer.byteCount } }

  /// A place to come back to.
  struct Mark {
    fileprivate let chunk: Int
    fileprivate let used: Int
  }

  var mark: Mark { Mark(chunk: chunks.count, used: used) }

  /// Gives back all that was taken since `mark`. Chunks that were added since are kept for ``reset()``;
  /// memory in them is given back only then.
  func release(to mark: Mark) {
    if mark.chunk == chunks.count { used = mark.used }
  }

  /// Gives back everything.
  func reset() {
    if chunks.count > 1 {
      let total = byteCount
      chunks = [Chunk(byteCount: total)]
    }
    used = 0
  }

  /// Uninitialised memory for `count` values of a trivial type, on a 64-byte boundary.
  func take<T: BitwiseCopyable>(_ count: Int, of type: T.Type) -> UnsafeMutablePointer<T> {
    let bytes = (count * MemoryLayout<T>.stride + AlignedBuffer.alignment - 1) & ~(AlignedBuffer.alignment - 1)
    if chunks.last.map({ used + bytes > $0.buffer.byteCount }) ?? true {
      chunks.append(Chunk(byteCount: max(bytes, byteCount, 1 << 20)))
      used = 0
    }
    let pointer = unsafe chunks[chunks.count - 1].buffer.base + used
    used += bytes
    return unsafe pointer.bindMemory(to: T.self, capacity: count)
  }
}
