/// Memory for the activations of a step: a bump pointer that is reset between steps and given back never.
///
/// Takes its memory from the system in chunks that are backed when first touched, so what a chunk has too much of costs
/// addresses only, and the steady state allocates nothing. Used by one thread at a time: the engine's.
@safe final class Scratch {
  /// Bytes of a chunk, unless a single piece needs more: far more than the steps of most models take.
  private static let chunkBytes = 256 << 20

  private var chunks: [AnonymousMapping] = []
  /// The chunk that memory is taken from, and how much of it is.
  private var top = Mark(chunk: -1, used: 0)

  /// Bytes that were in use when any were given back, at most.
  private var notedPeak = 0

  /// Bytes that are in use, with what chunks had left at their ends.
  private var usedByteCount: Int { chunks.prefix(max(0, top.chunk)).reduce(top.used) { $0 + $1.byteCount } }

  /// Bytes that were in use at the same time at most: use only grows until something is given back.
  var peakByteCount: Int { max(notedPeak, usedByteCount) }

  /// Bytes of addresses held; what was never touched of them takes no memory.
  var byteCount: Int { chunks.reduce(0) { $0 + $1.byteCount } }

  /// A place to come back to.
  struct Mark {
    fileprivate var chunk: Int
    fileprivate var used: Int
  }

  var mark: Mark { top }

  /// Gives back all that was taken since `mark`.
  func release(to mark: Mark) {
    notedPeak = peakByteCount
    top = mark
  }

  /// Gives back everything.
  func reset() { release(to: Mark(chunk: chunks.isEmpty ? -1 : 0, used: 0)) }

  /// Uninitialised memory for `count` values of a trivial type, on a 64-byte boundary.
  func take<T: BitwiseCopyable>(_ count: Int, of type: T.Type) -> UnsafeMutablePointer<T> {
    let bytes = (count * MemoryLayout<T>.stride + AlignedBuffer.alignment - 1) & ~(AlignedBuffer.alignment - 1)
    if top.chunk < 0 || top.used + bytes > chunks[top.chunk].byteCount { moveOn(to: bytes) }
    let pointer = unsafe chunks[top.chunk].base + top.used
    top.used += bytes
    return unsafe pointer.bindMemory(to: T.self, capacity: count)
  }

  /// Goes on with the next chunk that has room for a piece of `bytes`, a new one where there is none.
  private func moveOn(to bytes: Int) {
    top.used = 0
    repeat {
      top.chunk += 1
      if top.chunk == chunks.count { chunks.append(Self.reserve(bytes)) }
    } while chunks[top.chunk].byteCount < bytes
  }

  /// Reserves addresses for as many bytes, of which nothing must be in use.
  ///
  /// - Throws: ``ModelError/outOfMemory(_:)`` when the system has none.
  func reserve(byteCount: Int) throws(ModelError) {
    precondition(top.used == 0 && top.chunk <= 0, "activations are in use")
    guard byteCount > self.byteCount else { return }
    chunks = [try AnonymousMapping(byteCount: byteCount)]
    reset()
  }

  private static func reserve(_ byteCount: Int) -> AnonymousMapping {
    if let chunk = try? AnonymousMapping(byteCount: max(byteCount, chunkBytes)) { return chunk }
    do {
      return try AnonymousMapping(byteCount: byteCount)
    } catch {
      preconditionFailure("no addresses for \(byteCount) bytes of activations: \(error)")
    }
  }
}
