/// Which pairs of neighbouring tokens join, into what, and which of them first.
struct MergeTable: Sendable {
  struct Merge: Sendable {
    /// The pair with the smallest rank joins first.
    let rank: Int32
    let result: Int32
  }

  private struct Entry {
    /// `left << 32 | right`; `.max`, which no pair of ids gives, marks a free slot.
    var key: UInt64
    var merge: Merge
  }

  /// Open addressing; a power of two in size and at most half full.
  private var entries: [Entry]
  private var count = 0

  init(minimumCapacity: Int) {
    var size = 16
    while size < 2 * minimumCapacity { size *= 2 }
    entries = Array(repeating: Entry(key: .max, merge: Merge(rank: 0, result: 0)), count: size)
  }

  /// The token that two neighbours become; nil when they do not join.
  subscript(left: Int32, right: Int32) -> Merge? {
    let key = Self.key(left, right)
    let entry = entries[slot(for: key)]
    return entry.key == key ? entry.merge : nil
  }

  /// Adds a pair. Of a pair's several ranks the last counts, as in Hugging Face's library.
  mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
    if 2 * (count + 1) > entries.count { grow() }
    let key = Self.key(left, right)
    let slot = slot(for: key)
    if entries[slot].key != key { count += 1 }
    entries[slot] = Entry(key: key, merge: merge)
  }

  /// Drops the merges that make these tokens.
  mutating func removeAll(making ids: Set<Int32>) {
    guard entries.contains(where: { $0.key != .max && ids.contains($0.merge.result) }) else { return }
    var kept = MergeTable(minimumCapacity: count)
    for (left, right, merge) in sorted where !ids.contains(merge.result) { kept.insert(left, right, merge) }
    self = kept
  }

  /// All merges, those learned first first.
  var sorted: [(left: Int32, right: Int32, merge: Merge)] {
    entries.filter { $0.key != .max }
      .map { (Int32(truncatingIfNeeded: $0.key >> 32), Int32(truncatingIfNeeded: $0.key), $0.merge) }
      .sorted { ($0.2.rank, $0.0, $0.1) < ($1.2.rank, $1.0, $1.1) }
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  private mutating func grow() {
    let old = entries
    entries = Array(repeating: Entry(key: .max, merge: Merge(rank: 0, result: 0)), count: 2 * old.count)
    for entry in old where entry.key != .max { entries[slot(for: entry.key)] = entry }
  }

  /// The slot that holds `key`, or the free one where it belongs.
  private func slot(for key: UInt64) -> Int {
    let mask = entries.count - 1
    let mixed = (key ^ key >> 29) &* 0x9E37_79B9_7F4A_7C15
    var slot = Int(truncatingIfNeeded: mixed >> 32) & mask
    while entries[slot].key != key, entries[slot].key != .max { slot = (slot + 1) & mask }
    return slot
  }
}
