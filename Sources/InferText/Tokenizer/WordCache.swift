/// The tokens of short pieces seen before. Direct-mapped, so it is bounded by construction, and without pointers, so that
/// a lookup is one access to memory.
struct WordCache {
  /// The bytes of a piece, the length in the last one. No piece has the key 0.
  struct Key: Equatable {
    fileprivate var low: UInt64 = 0
    fileprivate var high: UInt64 = 0

    /// Nil for an empty piece and for one of more than 15 bytes, which seldom comes back.
    init?(_ piece: Span<UInt8>) {
      guard (1...15).contains(piece.count) else { return nil }
      for index in 0..<min(8, piece.count) { low |= UInt64(piece[index]) << UInt64(8 * index) }
      if piece.count > 8 {
        for index in 8..<piece.count { high |= UInt64(piece[index]) << UInt64(8 * index - 64) }
      }
      high |= UInt64(piece.count) << 56
    }

    fileprivate init() {}
  }

  private struct Entry {
    var key = Key()
    var ids = SIMD4<Int32>()
    var count: Int32 = 0
  }

  private var entries: [Entry]

  /// Room for `capacity` pieces, a power of two.
  init(capacity: Int = 1 << 14) {
    precondition(capacity > 0 && capacity & (capacity - 1) == 0, "a capacity of \(capacity) is no power of two")
    entries = Array(repeating: Entry(), count: capacity)
  }

  /// Appends the tokens of a piece; false when they are not known.
  func append(_ key: Key, to ids: inout [Int32]) -> Bool {
    let entry = entries[slot(for: key)]
    guard entry.key == key else { return false }
    for index in 0..<Int(entry.count) { ids.append(entry.ids[index]) }
    return true
  }

  /// Keeps the tokens of a piece, if they are at most four.
  mutating func keep(_ tokens: ArraySlice<Int32>, for key: Key) {
    guard tokens.count <= 4 else { return }
    var entry = Entry(key: key, count: Int32(tokens.count))
    for (index, id) in tokens.enumerated() { entry.ids[index] = id }
    entries[slot(for: key)] = entry
  }

  private func slot(for key: Key) -> Int {
    let mixed = (key.low ^ key.high &* 0xFF51_AFD7_ED55_8CCD) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: mixed >> 40) & (entries.count - 1)
  }
}
