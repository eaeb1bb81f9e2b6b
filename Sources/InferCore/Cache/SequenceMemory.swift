/// The pages and slots of all sequences, and what of them is kept for sequences to come: a prefix cache over keys and
/// values and recurrent state.
///
/// Pages are shared by their content; a sequence and the cache hold them at the same time. A kept state is a slot that
/// nobody changes, after any number of tokens. Everything that the cache alone holds is given up when it is needed; what
/// running sequences hold never is. Where there are cold slots, with 8 bits an element, a state whose slot others need moves
/// to one of those. Pure bookkeeping of indices, as the scheduler that uses it, but for copies to and from cold slots.
struct SequenceMemory {
  /// The number of tokens in a page.
  let pageTokens: Int
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

  /// - Parameters:
  ///   - pageTokens: The number of tokens in a page.
  ///   - pageCount: The maximum number of pages; as many fit the budget beside the slots that are set aside.
  ///   - slotCount: The maximum number of slots, no fewer than are set aside.
  ///   - hasRecurrentState: `true` when sequences have recurrent state.
  ///   - budget: The bytes that pages and slots may take.
  ///   - coldSlotCount: The maximum number of cold slots.
  ///   - copyState: Copies a state to or from a cold slot.
  init(
    pageTokens: Int, pageCount: Int, slotCount: Int, hasRecurrentState: Bool, budget: MemoryBudget = .unlimited,
    coldSlotCount: Int = 0, copyState: @escaping (_ source: Int32, _ target: Int32) -> Void = { _, _ in }
  ) {
    precondition(
      budget.pageCount(besideSlots: 0) >= pageCount && budget.reservedSlots <= slotCount,
      "\(pageCount) pages and \(slotCount) slots in \(budget)")
    self.pageTokens = pageTokens
    self.budget = budget
    released.pages.reserveCapacity(pageCount)
    released.slots.reserveCapacity(slotCount + coldSlotCount)
    self.hasRecurrentState = hasRecurrentState
    pages = IndexPool(count: pageCount)
    slots = IndexPool(count: slotCount)
    coldSlots = IndexPool(count: coldSlotCount)
    self.copyState = copyState
    tree = PrefixTree(pageTokens: pageTokens, capacity: pageCount)
    states = KeptStates(slotCount: slotCount + coldSlotCount)
  }

  /// The number of pages that tokens take.
  func pageCount(for tokens: Int) -> Int { (tokens + pageTokens - 1) / pageTokens }

  // MARK: Pages and slots of sequences

  mutating func share(page: Int32) { pages.share(page) }
  mutating func give(page: Int32) { pages.give(page) }
  mutating func share(slot: Int32) { withPool(of: slot) { $0.share($1) } }
  mutating func give(slot: Int32) { withPool(of: slot) { $0.give($1) } }

  /// `true` for the index of a cold slot.
  func isCold(_ slot: Int32) -> Bool { Int(slot) >= slots.count }

  mutating func withPool(of slot: Int32, _ body: (inout IndexPool, Int32) -> Void) {
    if isCold(slot) { body(&coldSlots, slot - Int32(slots.count)) } else { body(&slots, slot) }
  }

  // MARK: Lookup

  /// A prefix of a sequence that need not be computed.
  struct Hit {
    /// The number of its tokens.
    var tokens = 0
    /// The pages that are all in the prefix.
    var pages: [Int32] = []
    /// The node of the last of `pages`.
    var node: Int32?
    /// A page of whose tokens only the first ``partialTokens`` are in the prefix.
    var partialPage: Int32?
    var partialTokens = 0
    /// The slot of the state after the prefix.
    var slot: Int32?
    /// The last kept state among the prefix's tokens: its slot, and the number of tokens that it comes after.
    var kept: (slot: Int32, tokens: Int)?
    /// The number of tokens whose keys and values are known, with state or not.
    var knownTokens = 0
  }

  /// The longest prefix of the first `limit` of `tokens` from which the rest can be computed. O(limit).
  func lookUp(_ tokens: [Int32], limit: Int, in scope: CacheScope) -> Hit {
    let match = tree.match(tokens, limit: limit, in: scope)
    var hit = Hit()
    hit.knownTokens = match.tokens
    hit.tokens = hasRecurrentState ? match.stateTokens : match.tokens
    guard hit.tokens > 0, let node = hasRecurrentState ? match.stateNode : match.node else { return hit }
    if hasRecurrentState { hit.slot = match.stateSlot }
    hit.kept = match.stateSlot.map { ($0, match.stateTokens) }
    hit.pages = tree.pages(upTo: node)
    hit.node = node
    hit.partialTokens = hit.tokens % pageTokens
    if hit.partialTokens != 0 {
      hit.partialPage = hit.pages.removeLast()
      hit.node = hit.pages.isEmpty ? nil : tree[node].parent
    }
    return hit
  }

  /// Holds the pages and the state of a hit, so that nothing of them is evicted.
  mutating func hold(_ hit: Hit) {
    for page in hit.pages { pages.share(page) }
    if let page = hit.partialPage { pages.share(page) }
    if let slot = hit.slot { share(slot: slot) }
  }

  /// Gives back what ``hold(_:)`` took.
  mutating func letGo(_ hit: Hit) {
    for page in hit.pages { pages.give(page) }
    if let page = hit.partialPage { pages.give(page) }
    if let slot = hit.slot { give(slot: slot) }
  }

  /// Notes that a sequence of `tokens` starts behind a hit, and why it does not start later.
  mutating func note(_ hit: Hit, of tokens: [Int32], in scope: CacheScope) {
    counts.queriedTokens += tokens.count
    counts.hitTokens += hit.tokens
    counts.misses[.noState, default: 0] += hit.knownTokens - hit.tokens
    let known = hit.knownTokens
    let lost = known % pageTokens == 0 ? evictedTokens(tokens, from: known, in: scope) : 0
    counts.misses[.evicted, default: 0] += lost
    let rest = tokens.count - known - lost
    counts.misses[rest < pageTokens ? .tooShort : .noPages, default: 0] += rest
    counts.lookups += 1
  }

  /// Notes that a sequence with these landmarks starts behind a hit.
  mutating func use(_ hit: Hit, _ landmarks: [PromptLandmark] = []) {
    if let slot = hit.slot { states.use(slot) }
    if let kept = hit.kept { states.add(landmark: landmarks.hash(atOrBehind: kept.tokens), to: kept.slot) }
    if let node = hit.node { tree.touch(node, at: counts.lookups) }
  }

  private func evictedTokens(_ tokens: [Int32], from first: Int, in scope: CacheScope) -> Int {
    var hash = PrefixHash(scope)
    var end = 0
    while end + pageTokens <= tokens.count {
      hash = hash.adding(tokens[end..<end + pageTokens])
      if end >= first, !evicted.contains(hash) { break }
      end += pageTokens
    }
    return max(0, end - first)
  }

  // MARK: Keeping

  /// Puts the whole pages of the first `computed` tokens of a sequence into the cache.
  ///
  /// Where the cache has a page with the same tokens already, the sequence gets that one in place of its own.
  ///
  /// - Parameters:
  ///   - last: The node of the last whole page that is there; afterwards, of the last that was put there.
  ///   - whole: The number of whole pages up to `last`, before and afterwards.
  mutating func insert(
    _ tokens: [Int32], computed: Int, pages own: inout [Int32], last: inout Int32?, whole: inout Int,
    in scope: CacheScope
  ) {
    while (whole + 1) * pageTokens <= computed {
      let node = insert(
        tokens[whole * pageTokens..<(whole + 1) * pageTokens], page: own[whole], behind: last, in: scope)
      let page = tree[node].page
      if page != own[whole] {
        pages.share(page)
        pages.give(own[whole])
        own[whole] = page
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
        insert(tokens[page * pageTokens..<position], page: own[page], behind: last, in: scope)
      }
    tree.touch(node, at: counts.lookups)
    // An exact state takes the place of a cold one.
    if let known = tree.state(after: offset, of: node), !isCold(known) || !evictIdle(known) {
      states.add(landmark: landmark, to: known)
      return slots.give(slot)
    }
    tree.keep(slot, after: offset, of: node)
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

  /// Puts a page of a sequence into the cache, unless one with the same tokens is there. Returns its node.
  private mutating func insert(
    _ tokens: ArraySlice<Int32>, page: Int32, behind last: Int32?, in scope: CacheScope
  ) -> Int32 {
    switch tree.insert(tokens, page: page, behind: last, in: scope) {
    case .found(let node): return node
    case .added(let node):
      keep(page: page)
      return node
    case .grown(let node, let instead):
      if instead != page {
        keep(page: page)
        pages.giveUp(instead)
      }
      return node
    }
  }

  private mutating func keep(page: Int32) {
    pages.share(page)
    pages.keep(page)
  }
}
