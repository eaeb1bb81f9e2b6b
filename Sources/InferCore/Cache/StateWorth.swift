/// The worth of a kept state, by which states are evicted.
///
/// All states of a model take the same memory, so that what one saves is the tokens from the nearest kept state before
/// it. Together with recency that makes the priority of GreedyDual-Size (Cao & Irani 1997): the priority of what was
/// evicted last, plus what it saves, set anew at every use. States that were never used go before those that were, for as
/// long as those are used now and then.
struct StateWorth {
  /// The priority of the last eviction at the last use, and the tokens that are saved.
  var priority: Double
  /// The number of evictions at the last use; `nil` when no sequence has started from the state.
  var lastUse: Int?

  /// The worth after so many evictions in a cache of `capacity` states: states in their order of eviction.
  func rank(evictions: Int, capacity: Int) -> Rank {
    Rank(isProtected: lastUse.map { evictions - $0 < 2 * capacity } ?? false, priority: priority)
  }

  struct Rank: Comparable {
    let isProtected: Bool
    let priority: Double

    static func < (a: Rank, b: Rank) -> Bool {
      a.isProtected == b.isProtected ? a.priority < b.priority : b.isProtected
    }
  }
}
