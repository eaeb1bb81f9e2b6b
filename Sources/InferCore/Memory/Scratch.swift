/// Memory for the activations of a step: a bump pointer that is reset between steps. Memory that was taken from the
/// system once is kept.
///
/// The system backs pages of a chunk when they are first touched, so that the unused rest of a chunk takes addresses
/// only. Steps like earlier ones allocate nothing. Used by one thread at a time.
@safe final class Scratch {
  /// The bytes of a chunk, unless a single piece needs more. Steps of most models take far less.
  private static let chunkBytes = 256 << 20

  private var chunks: [AnonymousMapping] = []
  /// The chunk that memory is taken from, and the bytes of it in use. Read and written as a whole, which takes no check at run
  /// time that nobody else is writing it.
  private var top = Mark()

  /// The largest number of bytes that were in use when some were given back.
  private var notedPeak = 0

  /// The bytes in use, including the unused ends of full chunks.
  private var usedByteCount: Int {
    let mark = top
    return mark.chunk <= 0 ? mark.used : chunks.prefix(mark.chunk).reduce(mark.used) { $0 + $1.byteCount }
  }

  /// The largest number of bytes in use at the same time. Use only grows until something is given back.
  var peakByteCount: Int { max(notedPeak, usedByteCount) }

  /// The bytes of addresses held. Pages that were never touched take no memory.
  var byteCount: Int { chunks.reduce(0) { $0 + $1.byteCount } }

  /// A state of the bump pointer.
  @safe struct Mark {
    /// The index of the chunk; -1 before there is one.
    fileprivate var chunk = -1
    /// Its memory, and the bytes of it in use.
    fileprivate var base: UnsafeMutableRawPointer?
    fileprivate var size = 0
    fileprivate var used = 0

    fileprivate init() {}

    fileprivate init(chunk: Int, _ memory: AnonymousMapping) {
      self.chunk = chunk
      unsafe base = memory.base
      size = memory.byteCount
    }
  }

  var mark: Mark { top }

  /// Gives back all memory that was taken since `mark`.
  func release(to mark: Mark) {
    let peak = peakByteCount
    if peak > notedPeak { notedPeak = peak }
    top = mark
  }

  /// Gives back all memory.
  func reset() { release(to: chunks.isEmpty ? Mark() : Mark(chunk: 0, chunks[0])) }

  /// Uninitialised memory for `count` values of a trivial type, on a 64-byte boundary.
  func take<T: BitwiseCopyable>(_ count: Int, of type: T.Type) -> UnsafeMutablePointer<T> {
    let bytes = (count * MemoryLayout<T>.stride + AlignedBuffer.alignment - 1) & ~(AlignedBuffer.alignment - 1)
    var mark = top
    if mark.chunk < 0 || mark.used + bytes > mark.size { mark = next(after: mark, for: bytes) }
    guard let base = unsafe mark.base else { preconditionFailure("no memory for \(bytes) bytes of activations") }
    let pointer = unsafe base + mark.used
    mark.used += bytes
    top = mark
    return unsafe pointer.bindMemory(to: T.self, capacity: count)
  }

  /// The beginning of the next chunk with room for a piece of `bytes`, a new one if there is none.
  private func next(after mark: Mark, for bytes: Int) -> Mark {
    var chunk = mark.chunk
    repeat {
      chunk += 1
      if chunk == chunks.count { chunks.append(Self.reserve(bytes)) }
    } while chunks[chunk].byteCount < bytes
    return Mark(chunk: chunk, chunks[chunk])
  }

  /// Reserves addresses for `byteCount` bytes. No memory may be in use.
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
