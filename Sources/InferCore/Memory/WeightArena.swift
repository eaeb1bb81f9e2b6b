/// Memory for packed weights, in chunks large enough for huge pages. A chunk goes back to the system with the last
/// matrix in it.
@safe final class WeightArena: Sendable {
  /// The bytes of a chunk. A larger matrix has a chunk of its own.
  private static let chunkBytes = 64 << 20
  /// The alignment of matrices in bytes: a cache line.
  private static let alignment = AlignedBuffer.alignment

  @safe private final class Chunk: @unchecked Sendable {
    // Safe because every part of it is written by the one who took that part, before it is shared.
    let mapping: AnonymousMapping
    init(byteCount: Int) throws(ModelError) { mapping = try AnonymousMapping(byteCount: byteCount) }
  }

  private struct State {
    var chunk: Chunk?
    var used = 0
  }

  private let state = Monitor(State())

  /// `byteCount` zero bytes that begin on a cache line, and the owner that keeps them alive.
  ///
  /// - Throws: ``ModelError/outOfMemory(_:)``.
  func take(
    byteCount: Int
  ) throws(ModelError) -> (base: UnsafeMutableRawPointer, owner: any AnyObject & Sendable) {
    let bytes = (byteCount + Self.alignment - 1) & ~(Self.alignment - 1)
    return try unsafe state.withLock { state throws(ModelError) in
      if let chunk = state.chunk, state.used + bytes <= chunk.mapping.byteCount {
        defer { state.used += bytes }
        return unsafe (chunk.mapping.base + state.used, chunk)
      }
      let chunk = try Chunk(byteCount: max(bytes, Self.chunkBytes))
      // The rest of the old chunk is not worth coming back to; untouched pages of it take no memory.
      if bytes < Self.chunkBytes { (state.chunk, state.used) = (chunk, bytes) }
      return unsafe (chunk.mapping.base, chunk)
    }
  }
}
