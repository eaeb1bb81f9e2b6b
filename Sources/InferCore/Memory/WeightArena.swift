internal import Synchronization

/// Memory for packed weights, in pieces large enough for huge pages, given back when the last matrix in it is gone.
@safe final class WeightArena: Sendable {
  /// Bytes of a piece: a matrix that is larger has one of its own.
  private static let chunkBytes = 64 << 20
  /// Matrices begin on cache lines.
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

  private let state = Mutex(State())

  /// Memory of `byteCount` zero bytes, on a cache line, and what keeps it alive.
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
