/// The state of a prefix that is lent to another thread, to be read or to be written.
///
/// Pages and slot are held while they are lent. When running sequences need memory the engine takes the loan back at any
/// time: the other thread copies in small parts, each under a lock, and finds out before the next one.
final class PrefixLease: Sendable {
  /// The sequences that may share the prefix.
  let scope: CacheScope
  /// The tokens of the prefix.
  let tokens: [Int32]
  /// The pages of all tokens, in rows.
  let pages: [Int32]
  /// The slots of states after some numbers of the tokens, in ascending order.
  let states: [State]
  /// The number of first rows whose pages hold their tokens' state already, and the node of the last of them.
  let whole: Int
  let node: Int32?
  /// A state after a number of tokens.
  struct State: Sendable {
    let position: Int
    let slot: Int32
  }

  private let wasTakenBack = Monitor(false)

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
    wasTakenBack.withLock { wasTakenBack in
      if !wasTakenBack { body() }
      return !wasTakenBack
    }
  }

  /// `true` when the loan was taken back.
  var isTakenBack: Bool { wasTakenBack.withLock { $0 } }

  /// Ends the use by the other thread; waits for the part that is being copied.
  func takeBack() { wasTakenBack.withLock { $0 = true } }
}

// Loans of pages and slots to other threads.
extension SequenceMemory {
  /// Lends the prefix whose state a slot keeps, to be read; `nil` when the slot keeps none. O(tokens).
  mutating func lend(_ slot: Int32) -> PrefixLease? {
    guard let (node, offset) = keptState(in: slot) else { return nil }
    let (tokens, scope) = tree.text(upTo: node, offset)
    let table = tree.pages(upTo: node)
    guard rows.usable(tokens.count, table) == tokens.count else { return nil }
    let lease = PrefixLease(
      scope: scope, tokens: tokens, pages: table,
      states: [PrefixLease.State(position: tokens.count, slot: slot)])
    begin(lease)
    return lease
  }

  /// Lends the longest prefix of a sequence from which it can go on, to be read, and its last kept states; `nil` when
  /// nothing is kept. O(tokens).
  mutating func lend(_ tokens: [Int32], in scope: CacheScope) -> PrefixLease? {
    let match = tree.match(tokens, limit: tokens.count, in: scope)
    guard let start = start(of: match), start.tokens > 0 else { return nil }
    var states: ArraySlice<PrefixLease.State> = []
    // Where there are windows, what earlier places look back at is kept as well.
    if hasRecurrentState || rows.hasWindows {
      states = tree.states(upTo: start.node, position: start.tokens).filter {
        rows.usable($0.position, start.pages) == $0.position
      }.suffix(Self.maxLentStates)
    }
    let lease = PrefixLease(
      scope: scope, tokens: Array(tokens.prefix(start.tokens)), pages: start.pages, states: Array(states))
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
    let (shared, node) = sharedRows(tokens, states: positions, in: scope)
    let whole = shared.count / rows.groupCount
    var pages = shared
    share(pages: pages)
    var states: [PrefixLease.State] = []
    // Nobody reads pages behind the windows of all states.
    let wanted = (whole..<max(whole, rows.count(for: tokens.count))).flatMap { row in
      rows.windows.indices.map { group in
        positions.contains { rows.firstNeeded(group, at: $0) <= row && row < rows.count(for: $0) }
      }
    }
    if hasPages(wanted.count { $0 }) {
      for isWanted in wanted {
        guard isWanted else {
          pages.append(PageRows.none)
          continue
        }
        guard let page = takeIdlePage() else { break }
        pages.append(page)
      }
      for position in positions.reversed() where pages.count == shared.count + wanted.count {
        guard let slot = takeIdleSlot() else { break }
        states.insert(PrefixLease.State(position: position, slot: slot), at: 0)
      }
    }
    guard !states.isEmpty else {
      give(pages: pages)
      return nil
    }
    let lease = PrefixLease(
      scope: scope, tokens: tokens, pages: pages, states: states, whole: whole, node: whole > 0 ? node : nil)
    leases.append(lease)
    return lease
  }

  /// The whole rows of a sequence's first tokens that are there, with the pages that states at some positions look back at,
  /// and the node of the last of them.
  private func sharedRows(
    _ tokens: [Int32], states positions: [Int], in scope: CacheScope
  ) -> (pages: [Int32], node: Int32?) {
    let match = tree.match(tokens, limit: tokens.count, in: scope)
    guard let last = match.node, match.tokens >= pageTokens else { return ([], nil) }
    let table = tree.pages(upTo: last)
    var whole = match.tokens / pageTokens
    for position in positions {
      for group in rows.windows.indices {
        let first = rows.firstNeeded(group, at: position)
        for row in first..<max(first, min(whole, rows.count(for: position)))
        where table[row * rows.groupCount + group] == PageRows.none { whole = min(whole, row) }
      }
    }
    // Nobody else would hold a node without pages.
    while whole > 0, table[(whole - 1) * rows.groupCount..<whole * rows.groupCount].allSatisfy({ $0 == PageRows.none })
    {
      whole -= 1
    }
    guard whole > 0 else { return ([], nil) }
    let node = tree.ancestor(of: last, rows.count(for: match.tokens) - whole)
    return (Array(table.prefix(whole * rows.groupCount)), node)
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
    give(pages: pages)
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
    share(pages: lease.pages)
    for state in lease.states { share(slot: state.slot) }
    leases.append(lease)
  }

  private mutating func release(_ lease: PrefixLease) {
    give(pages: lease.pages)
    for state in lease.states { give(slot: state.slot) }
  }
}
