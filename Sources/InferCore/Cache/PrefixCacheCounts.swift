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
