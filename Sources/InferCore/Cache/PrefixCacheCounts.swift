/// Counts of the prefix cache's lookups and evictions since the start.
struct PrefixCacheCounts: Equatable {
  /// The reason for which tokens of a sequence had to be computed.
  enum Miss: String, CaseIterable {
    /// No sequence had this prefix.
    case noPages = "no_kv"
    /// Keys and values were there, and no recurrent state to go on from.
    case noState = "no_state"
    /// The prefix was given up for others.
    case evicted
    /// Less than a page was left behind what was found.
    case tooShort = "too_short"
  }

  /// Sequences that were looked up.
  var lookups = 0
  /// Tokens of sequences that were looked up.
  var queriedTokens = 0
  /// Tokens of those that were found.
  var hitTokens = 0
  /// Tokens that were not, by the reason.
  var misses: [Miss: Int] = [:]
  /// Pages that were given up.
  var evictedPages = 0
  /// Kept states that were given up.
  var evictedStates = 0
  /// Kept states that became cold.
  var cooledStates = 0
  /// Sequences that started from a cold state.
  var coldHits = 0
}

/// A set of hashes that forgets the oldest.
struct RecentHashes {
  private let capacity: Int
  private var set: Set<PrefixHash> = []
  private var ring: [PrefixHash] = []
  private var oldest = 0

  init(capacity: Int) { self.capacity = capacity }

  func contains(_ hash: PrefixHash) -> Bool { set.contains(hash) }

  /// Adds a hash. O(1).
  mutating func insert(_ hash: PrefixHash) {
    guard set.insert(hash).inserted else { return }
    if ring.count < capacity {
      ring.append(hash)
    } else {
      set.remove(ring[oldest])
      ring[oldest] = hash
      oldest = (oldest + 1) % capacity
    }
  }
}
