internal import HeapModule

// Eviction of pages and of states.
extension SequenceMemory {
  /// Gives up everything that no sequence holds, and has its memory go back to the system.
  mutating func reset() {
    evictPages(.max)
    for isCold in [false, true] {
      while let state = leastState(isCold: isCold) { evict(stateIn: state.slot) }
    }
    releaseFree()
    if tree.count == 0 { journal?.noteCleared() }
  }

  /// Gives up what is kept of the first tokens of a sequence, as far as no other sequence holds it; loans of it are taken
  /// back. O(tokens · loans).
  mutating func forget(_ tokens: [Int32], in scope: CacheScope) {
    takeBackLeases { $0.isPrefix(of: tokens, in: scope) }
    guard var node = tree.match(tokens, limit: tokens.count, in: scope).node else { return }
    while tree[node].parent != PrefixTree.none {
      let parent = tree[node].parent
      for state in tree[node].states { _ = evictIdle(state.slot) }
      if tree[node].firstChild == PrefixTree.none, candidate(node) != nil { _ = evict(node) }
      node = parent
    }
  }

  /// Frees the slot of the kept state that is worth least, of those that nobody starts from at the moment and that are not
  /// cold. The state becomes cold, unless the cold ones are all worth more.
  @discardableResult mutating func evictState() -> Bool {
    guard let least = leastState(isCold: false) else { return false }
    if !cool(least.slot, least.rank) { evict(stateIn: least.slot) }
    return true
  }

  /// The state that is worth least of those that nobody starts from. O(slots).
  private func leastState(isCold: Bool) -> (slot: Int32, rank: KeptStates.Rank)? {
    states.least(of: isCold ? slots.count..<slots.count + coldSlots.count : 0..<slots.count, where: isIdle(slot:))
  }

  private func isIdle(slot: Int32) -> Bool {
    isCold(slot) ? coldSlots.isIdle(slot - Int32(slots.count)) : slots.isIdle(slot)
  }

  /// Moves a state to a cold slot, if need be that of one that is worth less. Returns whether there was one.
  private mutating func cool(_ source: Int32, _ rank: KeptStates.Rank) -> Bool {
    if coldSlots.freeCount == 0 {
      guard let least = leastState(isCold: true), least.rank < rank else { return false }
      evict(stateIn: least.slot)
    }
    guard let node = states[source]?.node, let index = coldSlots.take() else { return false }
    let target = Int32(slots.count) + index
    if !released.slots.isEmpty { released.slots.removeAll { $0 == target } }
    copyState(source, target)
    newlyKept.removeAll { $0 == source }
    coldSlots.keep(index)
    counts.cooledStates += 1
    tree.move(from: source, to: target, of: node)
    states.move(from: source, to: target)
    slots.giveUp(source)
    return true
  }

  /// Copies a cold state to a slot of a sequence's own.
  mutating func expand(_ source: Int32, into slot: Int32) {
    copyState(source, slot)
    counts.coldHits += 1
  }

  /// Gives up the state in a slot unless somebody starts from it. Returns whether nobody does.
  mutating func evictIdle(_ slot: Int32) -> Bool {
    guard isIdle(slot: slot) else { return false }
    evict(stateIn: slot)
    return true
  }

  private mutating func evict(stateIn slot: Int32) {
    guard let node = states[slot]?.node else { return }
    tree.forget(slot, of: node)
    journal?.noteStateGone(from: node, of: tree)
    states.remove(slot)
    withPool(of: slot) { $0.giveUp($1) }
    counts.evictedStates += 1
  }

  /// Gives up about `count` pages that only the cache holds: those of windows that no kept state looks back at first, those
  /// behind all kept states then, and those whose states are worth least last; among equals those that were used longest
  /// ago. O(nodes · log nodes), and O(states · window) where there are windows.
  ///
  /// - Parameter behindStates: `true` to give up none but those behind all kept states.
  /// - Returns: The number of pages that were given up.
  @discardableResult mutating func evictPages(_ count: Int, behindStates: Bool = false) -> Int {
    var left = count
    if rows.hasWindows { left -= evictWindows(left, sparing: true) }
    var heap = Heap(tree.leaves.compactMap(candidate))
    while left > 0, let next = heap.popMin() {
      if behindStates, next.rank != nil { break }
      let parent = tree[next.node].parent
      left -= evict(next.node)
      if tree[parent].parent != PrefixTree.none, tree[parent].firstChild == PrefixTree.none,
        let candidate = candidate(parent)
      {
        heap.insert(candidate)
      }
    }
    if left > 0, !behindStates, rows.hasWindows { left -= evictWindows(left, sparing: false) }
    return count - left
  }

  /// Gives up pages of groups with windows that only the cache holds, used longest ago first. Their tokens are known still, for
  /// sequences that go on far enough behind them.
  ///
  /// - Parameters:
  ///   - count: The maximum number of pages.
  ///   - sparesStates: `true` to spare those that kept states look back at.
  /// - Returns: The number of pages that were given up.
  private mutating func evictWindows(_ count: Int, sparing sparesStates: Bool) -> Int {
    guard count > 0 else { return 0 }
    let needed = sparesStates ? nodesInWindows() : []
    var found: [(lastUse: Int, node: Int32, group: Int)] = []
    for group in rows.windows.indices where rows.windows[group] != nil {
      for node in tree.nodes.indices where tree.nodes[node].count > 0 {
        let page = tree.page(of: Int32(node), group: group)
        guard page != PageRows.none, pages.isIdle(page) else { continue }
        if sparesStates, needed[node * rows.groupCount + group] { continue }
        found.append((tree.nodes[node].lastUse, Int32(node), group))
      }
    }
    found.sort { ($0.lastUse, $0.node, $0.group) < ($1.lastUse, $1.node, $1.group) }
    for (_, node, group) in found.prefix(count) {
      pages.giveUp(tree.page(of: node, group: group))
      tree.set(page: PageRows.none, of: node, group: group)
      counts.evictedPages += 1
      prune(node)
    }
    return min(count, found.count)
  }

  /// Removes a node, and those before it, that has no pages left and that nothing comes behind.
  private mutating func prune(_ node: Int32) {
    var node = node
    while tree[node].parent != PrefixTree.none, tree[node].firstChild == PrefixTree.none, tree.isBare(node),
      candidate(node) != nil
    {
      let parent = tree[node].parent
      _ = evict(node)
      node = parent
    }
  }

  /// For each group of each node, whether a kept state looks back at its page.
  private func nodesInWindows() -> [Bool] {
    var needed = [Bool](repeating: false, count: tree.nodes.count * rows.groupCount)
    let firsts = rows.windows.indices.filter { rows.windows[$0] != nil }
    for node in tree.nodes.indices {
      for state in tree.nodes[node].states {
        let position = tree.nodes[node].position + state.offset
        for group in firsts {
          let first = rows.firstNeeded(group, at: position)
          var other = Int32(node)
          while tree[other].parent != PrefixTree.none, tree[other].position / pageTokens >= first {
            needed[Int(other) * rows.groupCount + group] = true
            other = tree[other].parent
          }
        }
      }
    }
    return needed
  }

  private struct Candidate: Comparable {
    let node: Int32
    /// The rank of the best state; `nil` when there is none.
    let rank: KeptStates.Rank?
    let lastUse: Int
    /// Of two that are equal otherwise the deeper goes first.
    let position: Int

    static func < (a: Candidate, b: Candidate) -> Bool {
      switch (a.rank, b.rank) {
      case (nil, .some): true
      case (.some, nil): false
      case (let a?, let b?) where a != b: a < b
      default: a.lastUse == b.lastUse ? a.position > b.position : a.lastUse < b.lastUse
      }
    }
  }

  /// A leaf that can be given up; `nil` for one that a sequence holds, or that one starts from.
  private func candidate(_ node: Int32) -> Candidate? {
    let leaf = tree[node]
    guard tree.row(of: node).allSatisfy({ $0 == PageRows.none || pages.isIdle($0) }),
      leaf.states.allSatisfy({ isIdle(slot: $0.slot) })
    else { return nil }
    return Candidate(
      node: node, rank: leaf.states.compactMap { states.rank(of: $0.slot) }.max(), lastUse: leaf.lastUse,
      position: leaf.position)
  }

  /// Gives up a node with its states and pages. Returns the number of these.
  private mutating func evict(_ node: Int32) -> Int {
    for state in tree[node].states { evict(stateIn: state.slot) }
    if tree[node].count == pageTokens { evicted.insert(tree[node].hash) }
    var count = 0
    for page in Array(tree.row(of: node)) where page != PageRows.none {
      pages.giveUp(page)
      count += 1
    }
    journal?.noteGone(node)
    tree.remove(node)
    counts.evictedPages += count
    return count
  }
}
