// Ways up, across and down the tree.
extension PrefixTree {
  /// The pages of a node and of all before it, in rows in order of position.
  func pages(upTo node: Int32) -> [Int32] {
    let count = rows.groupCount
    var table = [Int32](repeating: PageRows.none, count: (self[node].position / pageTokens + 1) * count)
    var node = node
    while self[node].parent != Self.none {
      let row = self[node].position / pageTokens
      for group in 0..<count { table[row * count + group] = page(of: node, group: group) }
      node = self[node].parent
    }
    return table
  }

  /// The kept states of a node, up to a position, and of all before it, in order of position.
  func states(upTo node: Int32, position: Int) -> [PrefixLease.State] {
    var (node, states) = (node, [PrefixLease.State]())
    while self[node].parent != Self.none {
      for state in self[node].states.reversed() where self[node].position + state.offset <= position {
        states.append(PrefixLease.State(position: self[node].position + state.offset, slot: state.slot))
      }
      node = self[node].parent
    }
    return states.reversed()
  }

  /// The node so many before a node.
  func ancestor(of node: Int32, _ generations: Int) -> Int32 {
    var node = node
    for _ in 0..<generations { node = self[node].parent }
    return node
  }

  /// The slot of the kept state after `offset` tokens of a node, of its own or of a sibling that begins with the same
  /// tokens; `nil` when there is none. O(siblings).
  func state(after offset: Int, of node: Int32) -> Int32? {
    var found: Int32?
    forEachSibling(of: node) { sibling, common in
      if common >= offset, let state = self[sibling].states.first(where: { $0.offset == offset }) { found = state.slot }
    }
    return found
  }

  /// The slot of the nearest kept state before `offset` tokens of a node, of its own or of a sibling that begins with the
  /// same tokens; `nil` when there is none. O(depth + siblings).
  func state(before offset: Int, of node: Int32) -> Int32? {
    var (node, offset) = (node, offset)
    while self[node].parent != Self.none {
      var nearest: KeptState?
      forEachSibling(of: node) { sibling, common in
        let state = self[sibling].states.last { $0.offset < offset && $0.offset <= common }
        if let state, state.offset > nearest?.offset ?? 0 { nearest = state }
      }
      if let nearest { return nearest.slot }
      node = self[node].parent
      offset = .max
    }
    return nil
  }

  /// The slots of the kept states that come next behind `offset` tokens of a node, one or none on each way. O(nodes before
  /// them).
  func firstStates(behind offset: Int, of node: Int32) -> [Int32] {
    var (found, stack) = ([Int32](), [Int32]())
    func look(_ node: Int32, behind offset: Int) {
      if let state = self[node].states.first(where: { $0.offset > offset }) {
        found.append(state.slot)
      } else if self[node].firstChild != Self.none {
        stack.append(self[node].firstChild)
      }
    }
    forEachSibling(of: node) { if $1 >= offset { look($0, behind: offset) } }
    while var child = stack.popLast() {
      while child != Self.none {
        look(child, behind: 0)
        child = self[child].nextSibling
      }
    }
    return found
  }

  /// Calls `body` with a node and its siblings, and the number of first tokens that each has in common with the node.
  private func forEachSibling(of node: Int32, _ body: (_ sibling: Int32, _ common: Int) -> Void) {
    let tokens = tokens(of: node)
    var sibling = self[self[node].parent].firstChild
    while sibling != Self.none {
      body(sibling, sibling == node ? tokens.count : commonPrefix(self.tokens(of: sibling), tokens))
      sibling = self[sibling].nextSibling
    }
  }

  /// The nodes without children; no roots.
  var leaves: [Int32] {
    nodes.indices.lazy.map(Int32.init).filter { self[$0].count > 0 && self[$0].firstChild == Self.none }
  }
}

/// The number of tokens that both begin with.
func commonPrefix(_ a: some RandomAccessCollection<Int32>, _ b: some RandomAccessCollection<Int32>) -> Int {
  var count = 0
  for (a, b) in zip(a, b) {
    guard a == b else { return count }
    count += 1
  }
  return count
}
