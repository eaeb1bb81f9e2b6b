/// A set of hashes in a table of one size, which forgets older ones for those that are added.
///
/// A hash has its place in one of many small buckets, the newest in front; a bucket that is full loses its last. So half as
/// many as there is room for are remembered but for one in a hundred.
struct RecentHashes {
  private static let bucketSize = 8

  /// The hashes, bucket by bucket; 0 is none.
  private var table: [UInt64]

  /// Nothing yet, with room for so many: a power of two, and a bucket at least.
  init(capacity: Int) {
    precondition(
      capacity >= Self.bucketSize && capacity.nonzeroBitCount == 1, "a table of \(capacity) hashes is no power of two")
    table = Array(repeating: 0, count: capacity)
  }

  private func bucket(of hash: PrefixHash) -> Range<Int> {
    let first = Int(truncatingIfNeeded: hash.value) & (table.count - Self.bucketSize)
    return first..<first + Self.bucketSize
  }

  /// Whether a hash is remembered. O(1).
  func contains(_ hash: PrefixHash) -> Bool { table[bucket(of: hash)].contains(hash.value) }

  /// Adds a hash. O(1).
  mutating func insert(_ hash: PrefixHash) {
    guard !contains(hash) else { return }
    let bucket = bucket(of: hash)
    for place in bucket.dropFirst().reversed() { table[place] = table[place - 1] }
    table[bucket.lowerBound] = hash.value
  }
}
