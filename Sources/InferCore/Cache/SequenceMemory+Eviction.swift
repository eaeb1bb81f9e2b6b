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
  }

  /// Gives up what is kept of the first tokens of a sequence, as far as no other sequence holds it; loans of it are taken
  /// back. O(tokens · loans).
  mutating func forget(_ tokens: [Int32], in scope: CacheScope) {
    takeBackLeases { $0.isPrefix(of: tokens, in: scope) }
    guard var node = tree.match(tokens, limit: tokens.count, in: scope).node else { return }
    while tree[node].parent != PrefixTree.none {
      let parent = tree[node].parent
      for state in tree[node].states { _ = evictIdle(state.slot) }
      if tree[node].firstChild == PrefixTree.none, candidate(node) != nil { evict(node) }
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
    states.remove(slot)
    withPool(of: slot) { $0.giveUp($1) }
    counts.evictedStates += 1
  }

  /// Gives up about `count` pages that only the cache holds: those behind all kept states first, then those whose
  /// states are worth least; among equals those that were used longest ago. O(nodes · log nodes).
  ///
  /// - Parameter behindStates: `true` to give up none but those behind all kept states.
  /// - Returns: The number of pages that were given up.
  @discardableResult mutating func evictPages(_ count: Int, behindStates: Bool = false) -> Int {
    var heap = Heap(tree.leaves.compactMap(candidate))
    var left = count
    while left > 0, let next = heap.popMin() {
      if behindStates, next.rank != nil { break }
      let parent = tree[next.node].parent
      evict(next.node)
      left -= 1
      if tree[parent].parent != PrefixTree.none, tree[parent].firstChild == PrefixTree.none,
        let candidate = candidate(parent)
      {
        heap.insert(candidate)
      }
    }
    return count - left
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
    guard pages.isIdle(leaf.page), leaf.states.allSatisfy({ isIdle(slot: $0.slot) }) else { return nil }
    return Candidate(
      node: node, rank: leaf.states.compactMap { states.rank(of: $0.slot) }.max(), lastUse: leaf.lastUse,
      position: leaf.position)
  }

  private mutating func evict(_ node: Int32) {
    for state in tree[node].states { evict(stateIn: state.slot) }
    if tree[node].count == pageTokens { evicted.insert(tree[node].hash) }
    let page = tree[node].page
    tree.remove(node)
    pages.giveUp(page)
    counts.evictedPages += 1
  }
}
