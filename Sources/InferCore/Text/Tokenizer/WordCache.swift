import Synchronization

/// The tokens of pieces seen before. Direct-mapped, so it is bounded by construction and a lookup allocates nothing.
final class WordCache: Sendable {
  private struct Entry {
    let piece: ArraySlice<UInt8>
    let ids: ArraySlice<Int32>
  }

  /// Long pieces seldom come back.
  private static let longestPiece = 64
  private let entries: Mutex<[Entry?]>

  /// Room for `capacity` pieces, a power of two.
  init(capacity: Int = 1 << 13) {
    precondition(capacity > 0 && capacity & (capacity - 1) == 0, "a capacity of \(capacity) is no power of two")
    entries = Mutex(Array(repeating: nil, count: capacity))
  }

  /// Appends the tokens of `piece`, remembered or made by `encode`.
  func tokens(of piece: ArraySlice<UInt8>, into ids: inout [Int32], encode: (inout [Int32]) -> Void) {
    guard piece.count <= Self.longestPiece else { return encode(&ids) }
    let hash = Int(truncatingIfNeeded: Vocabulary.hash(piece))
    let known = entries.withLock { entries in
      guard let entry = entries[hash & (entries.count - 1)], entry.piece == piece else {
        return nil as ArraySlice<Int32>?
      }
      return entry.ids
    }
    if let known {
      ids.append(contentsOf: known)
      return
    }
    let start = ids.count
    encode(&ids)
    // Copies, so that the entry does not keep the whole text alive.
    let entry = Entry(piece: Array(piece)[...], ids: Array(ids[start...])[...])
    entries.withLock { $0[hash & ($0.count - 1)] = entry }
  }
}
