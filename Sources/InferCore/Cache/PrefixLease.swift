/// The state of a prefix that is lent to another thread, to be read or to be written.
///
/// Pages and slot are held while they are lent. When running sequences need memory the engine takes the loan back at any
/// time: the other thread copies in small parts, each under a lock, and finds out before the next one.
final class PrefixLease: Sendable {
  /// The sequences that may share the prefix.
  let scope: CacheScope
  /// The tokens of the prefix.
  let tokens: [Int32]
  /// The pages of all tokens.
  let pages: [Int32]
  /// The slots of states after some numbers of the tokens, in ascending order.
  let states: [State]
  /// The number of first pages that hold their tokens' state already, and the node of the last of them.
  let whole: Int
  let node: Int32?
  /// A state after a number of tokens.
  struct State: Sendable {
    let position: Int
    let slot: Int32
  }

  private let isTakenBack = Monitor(false)

  init(scope: CacheScope, tokens: [Int32], pages: [Int32], states: [State], whole: Int = 0, node: Int32? = nil) {
    self.scope = scope
    self.tokens = tokens
    self.pages = pages
    self.states = states
    self.whole = whole
    self.node = node
  }

  /// `true` when a scope's tokens begin with the prefix.
  func isPrefix(of tokens: [Int32], in scope: CacheScope) -> Bool {
    self.scope == scope && tokens.starts(with: self.tokens)
  }

  /// The slot of the state after a number of tokens; `nil` when there is none.
  func slot(after position: Int) -> Int32? { states.first { $0.position == position }?.slot }

  /// Calls `body`, which copies a part, unless the loan was taken back. Returns whether it was not.
  func use(_ body: () -> Void) -> Bool {
    isTakenBack.withLock { isTakenBack in
      if !isTakenBack { body() }
      return !isTakenBack
    }
  }

  /// Ends the use by the other thread; waits for the part that is being copied.
  fileprivate func takeBack() { isTakenBack.withLock { $0 = true } }
}

// Loans of pages and slots to other threads.
extension SequenceMemory {
  /// Lends the prefix whose state a slot keeps, to be read; `nil` when the slot keeps none. O(tokens).
  mutating func lend(_ slot: Int32) -> PrefixLease? {
    guard let (node, offset) = keptState(in: slot) else { return nil }
    let (tokens, scope) = tree.text(upTo: node, offset)
    let lease = PrefixLease(
      scope: scope, tokens: tokens, pages: tree.pages(upTo: node),
      states: [PrefixLease.State(position: tokens.count, slot: slot)])
    begin(lease)
    return lease
  }

  /// Lends the longest prefix of a sequence from which it can go on, to be read, and its last kept states; `nil` when
  /// nothing is kept. O(tokens).
  mutating func lend(_ tokens: [Int32], in scope: CacheScope) -> PrefixLease? {
    let match = tree.match(tokens, limit: tokens.count, in: scope)
    let count = hasRecurrentState ? match.stateTokens : match.tokens
    guard count > 0, let node = hasRecurrentState ? match.stateNode : match.node else { return nil }
    let states = hasRecurrentState ? tree.states(upTo: node, position: count).suffix(Self.maxLentStates) : []
    let lease = PrefixLease(
      scope: scope, tokens: Array(tokens.prefix(count)), pages: tree.pages(upTo: node), states: Array(states))
    begin(lease)
    return lease
  }

  /// The number of states of a sequence that are lent together: those at the end of its last answer, before it, and where
  /// its last message ends and begins, so that it can go on from each of them.
  private static let maxLentStates = 4

  /// Pages and slots for the state of a prefix, to be written: what is there of whole pages is shared. Takes only what is
  /// free or kept for nobody; `nil` when that is not enough for all tokens and the last state. O(tokens).
  ///
  /// - Parameter positions: Numbers of tokens after which there will be states, in ascending order; the last is that of all.
  mutating func reserve(_ tokens: [Int32], states positions: [Int], in scope: CacheScope) -> PrefixLease? {
    let match = tree.match(tokens, limit: tokens.count, in: scope)
    let whole = match.tokens / pageTokens
    var node = match.node
    if match.tokens % pageTokens != 0, let last = node { node = tree[last].parent }
    var pages: [Int32] = []
    if whole > 0, let node { pages = tree.pages(upTo: node) }
    for page in pages { share(page: page) }
    var states: [PrefixLease.State] = []
    let count = pageCount(for: tokens.count)
    if hasPages(count - whole) {
      while pages.count < count, let page = takeIdlePage() { pages.append(page) }
      for position in positions.reversed() where pages.count == count {
        guard let slot = takeIdleSlot() else { break }
        states.insert(PrefixLease.State(position: position, slot: slot), at: 0)
      }
    }
    guard !states.isEmpty else {
      for page in pages { give(page: page) }
      return nil
    }
    let lease = PrefixLease(
      scope: scope, tokens: tokens, pages: pages, states: states, whole: whole, node: whole > 0 ? node : nil)
    leases.append(lease)
    return lease
  }

  /// Gives back what was lent, unless it was taken back.
  mutating func end(_ lease: PrefixLease) {
    guard let index = leases.firstIndex(where: { $0 === lease }) else { return }
    leases.remove(at: index)
    release(lease)
  }

  /// Keeps the state that was written into reserved memory. Returns `false` when it was taken back.
  mutating func adopt(_ lease: PrefixLease) -> Bool {
    guard let index = leases.firstIndex(where: { $0 === lease }) else { return false }
    leases.remove(at: index)
    var (pages, node, whole) = (lease.pages, lease.node, lease.whole)
    insert(lease.tokens, computed: lease.tokens.count, pages: &pages, last: &node, whole: &whole, in: lease.scope)
    for state in lease.states {
      keep(
        state.slot, after: state.position, of: lease.tokens, pages: pages, last: node, whole: whole, in: lease.scope,
        isWanted: true)
    }
    for page in pages { give(page: page) }
    return true
  }

  /// Takes back what was lent last. Returns `false` when nothing is lent.
  mutating func takeBackLease() -> Bool {
    guard let lease = leases.popLast() else { return false }
    lease.takeBack()
    release(lease)
    return true
  }

  /// Takes back what is lent of some prefixes.
  mutating func takeBackLeases(where isWanted: (PrefixLease) -> Bool) {
    for lease in leases where isWanted(lease) {
      lease.takeBack()
      end(lease)
    }
  }

  private mutating func begin(_ lease: PrefixLease) {
    for page in lease.pages { share(page: page) }
    for state in lease.states { share(slot: state.slot) }
    leases.append(lease)
  }

  private mutating func release(_ lease: PrefixLease) {
    for page in lease.pages { give(page: page) }
    for state in lease.states { give(slot: state.slot) }
  }
}
