// Prefixes that are there, and what is counted of them.
extension SequenceMemory {
  /// A prefix of a sequence that need not be computed.
  struct Hit {
    /// The number of its tokens.
    var tokens = 0
    /// The pages that are all in the prefix, in rows, but for those that lie behind windows.
    var pages: [Int32] = []
    /// The number of pages that are there.
    var pageCount: Int { pages.count { $0 != PageRows.none } }
    /// The node of the last row of `pages`.
    var node: Int32?
    /// A row of pages of whose tokens only the first ``partialTokens`` are in the prefix; empty when there is none.
    var partialPages: [Int32] = []
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
    guard let start = start(of: match) else { return hit }
    hit.tokens = start.tokens
    hit.slot = start.slot
    if let slot = match.stateSlot, match.stateTokens <= hit.tokens { hit.kept = (slot, match.stateTokens) }
    if let slot = start.slot { hit.kept = (slot, start.tokens) }
    hit.pages = start.pages
    hit.node = start.node
    hit.partialTokens = hit.tokens % pageTokens
    if hit.partialTokens != 0 {
      hit.partialPages = Array(hit.pages.suffix(rows.groupCount))
      hit.pages.removeLast(rows.groupCount)
      hit.node = hit.pages.isEmpty ? nil : tree[start.node].parent
    }
    for group in rows.windows.indices {
      for row in 0..<min(rows.firstNeeded(group, at: hit.tokens), hit.pages.count / rows.groupCount) {
        hit.pages[row * rows.groupCount + group] = PageRows.none
      }
    }
    return hit
  }

  /// A place in the tree that sequences can go on from.
  struct Start {
    /// The number of tokens before it.
    var tokens: Int
    /// The node of the last of them.
    var node: Int32
    /// The pages up to that node, in rows.
    var pages: [Int32]
    /// The slot of the state after them; `nil` where there is no recurrent state.
    var slot: Int32?
  }

  /// The last place in a match from which every kind of state can go on: one whose windows are there, and with kept state
  /// where there is any. O(tokens).
  func start(of match: PrefixTree.Match) -> Start? {
    guard let node = hasRecurrentState ? match.stateNode : match.node else { return nil }
    let tokens = hasRecurrentState ? match.stateTokens : match.tokens
    let table = tree.pages(upTo: node)
    let usable = rows.usable(tokens, table)
    if usable == tokens {
      return Start(tokens: tokens, node: node, pages: table, slot: hasRecurrentState ? match.stateSlot : nil)
    }
    guard hasRecurrentState else { return usable > 0 ? start(tokens: usable, slot: nil, node, tokens, table) : nil }
    let state = tree.states(upTo: node, position: tokens - 1).last { rows.usable($0.position, table) == $0.position }
    return state.flatMap { start(tokens: $0.position, slot: $0.slot, node, tokens, table) }
  }

  /// A place before another, whose node and pages are given.
  private func start(tokens: Int, slot: Int32?, _ node: Int32, _ last: Int, _ table: [Int32]) -> Start {
    let generations = rows.count(for: last) - rows.count(for: tokens)
    return Start(
      tokens: tokens, node: tree.ancestor(of: node, generations),
      pages: Array(table.prefix(rows.count(for: tokens) * rows.groupCount)), slot: slot)
  }

  /// Holds the pages and the state of a hit, so that nothing of them is evicted.
  mutating func hold(_ hit: Hit) {
    share(pages: hit.pages)
    share(pages: hit.partialPages)
    if let slot = hit.slot { share(slot: slot) }
  }

  /// Gives back what ``hold(_:)`` took.
  mutating func letGo(_ hit: Hit) {
    give(pages: hit.pages)
    give(pages: hit.partialPages)
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
}
