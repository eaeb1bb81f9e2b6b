/// The pages and slots of all sequences, and what of them is kept for sequences to come: a prefix cache over keys and
/// values and recurrent state.
///
/// Pages are shared by their content; a sequence and the cache hold them at the same time. A kept state is a slot that
/// nobody changes, after any number of tokens. Everything that the cache alone holds is given up when it is needed; what
/// running sequences hold never is. Where there are cold slots, with 8 bits an element, a state whose slot others need moves
/// to one of those. Pure bookkeeping of indices, as the scheduler that uses it, but for copies to and from cold slots.
struct SequenceMemory {
  /// The pages of sequences, in rows.
  let rows: PageRows
  /// The maximum number of tokens of a sequence that are computed at a time.
  let maxRun: Int
  /// `true` when sequences have recurrent state, so that a prefix is of use only up to a kept state. Otherwise slots are
  /// empty, and a kept state is a position at which prompts are cut, so that who starts there rounds as who came there alone.
  let hasRecurrentState: Bool
  /// The bytes that pages and slots may take.
  let budget: MemoryBudget
  var pages: IndexPool
  var slots: IndexPool
  /// Cold slots, whose indices elsewhere follow those of `slots`. Their bytes are not in the budget.
  var coldSlots: IndexPool
  /// Copies a state from slot to slot, at once.
  let copyState: (_ source: Int32, _ target: Int32) -> Void
  var tree: PrefixTree
  /// Lookups and evictions so far.
  var counts = PrefixCacheCounts()
  /// The kept states, by slot, cold ones included.
  var states: KeptStates
  /// Hashes of prefixes that were evicted, to tell why they are not found.
  var evicted = RecentHashes(capacity: 1 << 16)
  var released = Released()
  /// The number of evicted states when too few pages behind all states were last found.
  var deadPagesScan = Int.min / 2
  /// Prefixes that other threads read or write at the moment, the last lent last.
  var leases: [PrefixLease] = []
  /// `true` to note which states are kept, for ``takeNewlyKept()``.
  var notesKept = false
  var newlyKept: [Int32] = []
  /// The blocks that come and go, for those who follow them; `nil` where nobody does.
  var journal: BlockJournal?

  /// - Parameters:
  ///   - rows: The pages of sequences, in rows.
  ///   - maxRun: The maximum number of tokens of a sequence that are computed at a time.
  ///   - pageCount: The maximum number of pages; as many fit the budget beside the slots that are set aside.
  ///   - slotCount: The maximum number of slots, no fewer than are set aside.
  ///   - hasRecurrentState: `true` when sequences have recurrent state.
  ///   - budget: The bytes that pages and slots may take.
  ///   - coldSlotCount: The maximum number of cold slots.
  ///   - copyState: Copies a state to or from a cold slot.
  init(
    rows: PageRows, maxRun: Int = .max / 2, pageCount: Int, slotCount: Int, hasRecurrentState: Bool,
    budget: MemoryBudget = .unlimited, coldSlotCount: Int = 0,
    copyState: @escaping (_ source: Int32, _ target: Int32) -> Void = { _, _ in }
  ) {
    precondition(
      budget.pageCount(besideSlots: 0) >= pageCount && budget.reservedSlots <= slotCount,
      "\(pageCount) pages and \(slotCount) slots in \(budget)")
    self.rows = rows
    self.maxRun = maxRun
    self.budget = budget
    released.pages.reserveCapacity(pageCount)
    released.slots.reserveCapacity(slotCount + coldSlotCount)
    self.hasRecurrentState = hasRecurrentState
    pages = IndexPool(count: pageCount)
    slots = IndexPool(count: slotCount)
    coldSlots = IndexPool(count: coldSlotCount)
    self.copyState = copyState
    tree = PrefixTree(rows: rows, capacity: pageCount)
    states = KeptStates(slotCount: slotCount + coldSlotCount)
  }

  /// The number of tokens in a page.
  var pageTokens: Int { rows.pageTokens }

  /// The number of pages that tokens take at most, of which `left` are still to be computed.
  func pageCount(for tokens: Int, computing left: Int = .max / 2) -> Int {
    rows.pageCount(for: tokens, run: min(left, maxRun))
  }

  // MARK: Pages and slots of sequences

  /// Adds a holder to the pages of rows, as far as there are some.
  mutating func share(pages table: some Sequence<Int32>) {
    for page in table where page != PageRows.none { pages.share(page) }
  }

  /// Removes a holder of the pages of rows, as far as there are some.
  mutating func give(pages table: some Sequence<Int32>) {
    for page in table where page != PageRows.none { pages.give(page) }
  }

  /// Gives back the pages of rows that lie behind the windows of all tokens to come. Returns their number. O(that).
  mutating func giveBehindWindows(_ table: inout [Int32], computed: Int) -> Int {
    var count = 0
    for group in rows.windows.indices where rows.windows[group] != nil {
      var row = rows.firstNeeded(group, at: computed) - 1
      while row >= 0, table[row * rows.groupCount + group] != PageRows.none {
        pages.give(table[row * rows.groupCount + group])
        table[row * rows.groupCount + group] = PageRows.none
        row -= 1
        count += 1
      }
    }
    return count
  }

  mutating func share(slot: Int32) { withPool(of: slot) { $0.share($1) } }
  mutating func give(slot: Int32) { withPool(of: slot) { $0.give($1) } }

  /// `true` for the index of a cold slot.
  func isCold(_ slot: Int32) -> Bool { Int(slot) >= slots.count }

  mutating func withPool(of slot: Int32, _ body: (inout IndexPool, Int32) -> Void) {
    if isCold(slot) { body(&coldSlots, slot - Int32(slots.count)) } else { body(&slots, slot) }
  }

  // MARK: Keeping

  /// Puts the whole pages of the first `computed` tokens of a sequence into the cache.
  ///
  /// Where the cache has a page with the same tokens already, the sequence gets that one in place of its own.
  ///
  /// - Parameters:
  ///   - own: The sequence's pages, in rows.
  ///   - last: The node of the last whole page that is there; afterwards, of the last that was put there.
  ///   - whole: The number of whole pages up to `last`, before and afterwards.
  mutating func insert(
    _ tokens: [Int32], computed: Int, pages own: inout [Int32], last: inout Int32?, whole: inout Int,
    in scope: CacheScope
  ) {
    while (whole + 1) * pageTokens <= computed {
      let row = whole * rows.groupCount..<(whole + 1) * rows.groupCount
      let node = insert(
        tokens[whole * pageTokens..<(whole + 1) * pageTokens], pages: own[row], behind: last, in: scope)
      for (group, index) in row.enumerated() where own[index] != PageRows.none {
        let page = tree.page(of: node, group: group)
        guard page != own[index] else { continue }
        pages.share(page)
        pages.give(own[index])
        own[index] = page
      }
      last = node
      whole += 1
    }
  }

  /// Keeps the state in `slot`, which comes after the first `position` of a sequence's tokens. Takes the caller's hold on
  /// the slot over, or gives it back.
  ///
  /// - Parameters:
  ///   - last: The node of the last whole page that is in the cache.
  ///   - whole: The number of whole pages up to `last`; at most one page more holds the tokens.
  ///   - isWanted: `true` when somebody is sure to start from the state.
  ///   - landmark: The hash of the sequence's first landmark from there on; 0 for none.
  mutating func keep(
    _ slot: Int32, after position: Int, of tokens: [Int32], pages own: [Int32], last: Int32?, whole: Int,
    in scope: CacheScope, isWanted: Bool = false, landmark: UInt64 = 0
  ) {
    let page = (position - 1) / pageTokens
    precondition(position > 0 && page <= whole, "state after \(position) tokens, of which \(whole) pages are kept")
    let offset = position - page * pageTokens
    let node =
      if page < whole, let last {
        tree.ancestor(of: last, whole - 1 - page)
      } else {
        insert(
          tokens[page * pageTokens..<position],
          pages: own[page * rows.groupCount..<(page + 1) * rows.groupCount], behind: last, in: scope)
      }
    tree.touch(node, at: counts.lookups)
    // An exact state takes the place of a cold one.
    if let known = tree.state(after: offset, of: node), !isCold(known) || !evictIdle(known) {
      states.add(landmark: landmark, to: known)
      return slots.give(slot)
    }
    tree.keep(slot, after: offset, of: node)
    journal?.noteState(in: node, of: tree, scope: scope)
    slots.keep(slot)
    states.insert(
      slot, after: position, of: node, previous: tree.state(before: offset, of: node) ?? KeptStates.none,
      behind: tree.firstStates(behind: offset, of: node), isShared: isWanted)
    states.add(landmark: landmark, to: slot)
    if notesKept { newlyKept.append(slot) }
  }

  /// The slots of states that were kept since the last call. Some of them may have been given up since.
  mutating func takeNewlyKept() -> [Int32] {
    defer { newlyKept = [] }
    return newlyKept
  }

  /// The node that a slot keeps the state of, and the number of its tokens that it comes after; `nil` when the slot keeps
  /// none.
  func keptState(in slot: Int32) -> (node: Int32, offset: Int)? {
    states[slot].map { ($0.node, $0.position - tree[$0.node].position) }
  }

  /// Puts a row of pages of a sequence into the cache, but for pages with the same tokens that are there. Returns its node.
  private mutating func insert(
    _ tokens: ArraySlice<Int32>, pages row: ArraySlice<Int32>, behind last: Int32?, in scope: CacheScope
  ) -> Int32 {
    let (node, hasOthers): (Int32, Bool)
    switch tree.insert(tokens, behind: last, in: scope) {
    case .found(let found):
      // Pages with some of its tokens are of no use to a node of more.
      guard tree[found].count == tokens.count else { return found }
      (node, hasOthers) = (found, false)
    case .added(let added): (node, hasOthers) = (added, false)
    case .grown(let grown): (node, hasOthers) = (grown, true)
    }
    if tokens.count == pageTokens { journal?.noteFull(node, of: tree, in: scope) }
    for (group, page) in row.enumerated() {
      let old = tree.page(of: node, group: group)
      guard old != page, old == PageRows.none || hasOthers else { continue }
      if page != PageRows.none {
        pages.share(page)
        pages.keep(page)
      }
      tree.set(page: page, of: node, group: group)
      if old != PageRows.none { pages.giveUp(old) }
    }
    return node
  }
}
