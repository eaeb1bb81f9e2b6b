/// A tree over the tokens of sequences, a page of tokens a node: which pages hold the keys and values of which tokens,
/// and at which positions recurrent state is kept. Of groups with windows a node may lack the page.
///
/// Pure bookkeeping of indices; the ``SequenceMemory`` says which live how long. Only full nodes have children, and
/// no node's tokens are a prefix of a sibling's. A prefix may end at any token, in mid-page as well.
struct PrefixTree {
  /// Recurrent state after a token of a node.
  struct KeptState {
    /// The slot that holds the state.
    let slot: Int32
    /// The number of the node's tokens that the state comes after.
    let offset: Int
  }

  struct Node {
    /// The node before; ``none`` for a root.
    let parent: Int32
    /// The position of the first token.
    let position: Int
    /// The number of tokens, up to a page; none in a root.
    var count: Int
    /// A hash of all tokens from the root on, of a full node.
    var hash: PrefixHash
    var firstChild = PrefixTree.none
    var nextSibling = PrefixTree.none
    /// In order of their offsets.
    var states: [KeptState] = []
    /// The time of the last use, in lookups.
    var lastUse = 0
  }

  /// The longest known prefix of a sequence.
  struct Match {
    /// The number of tokens whose keys and values are there.
    var tokens = 0
    /// The number of tokens of the longest prefix that has kept state.
    var stateTokens = 0
    /// The node of the last of `tokens`.
    var node: Int32?
    /// The node of that state, and the slot that holds it.
    var stateNode: Int32?
    var stateSlot: Int32?
  }

  /// The way in which tokens came into the tree.
  enum Insertion {
    /// A node was made, without pages.
    case added(Int32)
    /// A node is there already.
    case found(Int32)
    /// A node of fewer tokens, whose pages hold those alone, has got the others.
    case grown(Int32)
  }

  static let none: Int32 = -1

  /// The pages of nodes.
  let rows: PageRows
  /// The number of tokens of a page.
  var pageTokens: Int { rows.pageTokens }
  private(set) var nodes: [Node] = []
  /// The tokens of all nodes, a page of each one after another, so that a page is put in without an allocation.
  private var texts: [Int32] = []
  /// The pages of all nodes, a row of each.
  private var pages: [Int32] = []
  private var free: [Int32] = []
  private var roots: [CacheScope: Int32] = [:]
  private var scopes: [Int32: CacheScope] = [:]
  /// The number of nodes that are no roots.
  private(set) var count = 0
  /// The number of tokens in all nodes. O(nodes).
  var tokenCount: Int { nodes.reduce(0) { $0 + $1.count } }

  /// A tree of up to `capacity` pages.
  init(rows: PageRows, capacity: Int) {
    self.rows = rows
    // Addresses, which take memory when they are written.
    nodes.reserveCapacity(capacity + 1)
    texts.reserveCapacity((capacity + 1) * rows.pageTokens)
    pages.reserveCapacity((capacity + 1) * rows.groupCount)
  }

  /// The page of a group of a node; ``PageRows/none`` for none.
  func page(of node: Int32, group: Int = 0) -> Int32 { pages[Int(node) * rows.groupCount + group] }

  /// Notes the page of a group of a node.
  mutating func set(page: Int32, of node: Int32, group: Int) { pages[Int(node) * rows.groupCount + group] = page }

  /// The pages of a node, a row.
  func row(of node: Int32) -> ArraySlice<Int32> {
    pages[Int(node) * rows.groupCount..<(Int(node) + 1) * rows.groupCount]
  }

  /// `true` when a node has no page of any group.
  func isBare(_ node: Int32) -> Bool { row(of: node).allSatisfy { $0 == PageRows.none } }

  subscript(node: Int32) -> Node { nodes[Int(node)] }

  /// The tokens of a node.
  func tokens(of node: Int32) -> ArraySlice<Int32> {
    let first = Int(node) * pageTokens
    return texts[first..<first + self[node].count]
  }

  /// The longest prefix of the first `limit` of a scope's `tokens`. O(limit + siblings on the way).
  func match(_ tokens: [Int32], limit: Int, in scope: CacheScope) -> Match {
    var match = Match()
    guard var node = roots[scope] else { return match }
    while true {
      let position = match.tokens
      var longest = 0
      var next = Self.none
      var child = self[node].firstChild
      while child != Self.none {
        let common = commonPrefix(self.tokens(of: child), tokens[position..<limit])
        if let state = self[child].states.last(where: { $0.offset <= common }),
          position + state.offset > match.stateTokens
        {
          match.stateTokens = position + state.offset
          match.stateNode = child
          match.stateSlot = state.slot
        }
        if common > longest { (longest, next) = (common, child) }
        child = self[child].nextSibling
      }
      guard longest > 0 else { return match }
      match.tokens = position + longest
      match.node = next
      guard longest == pageTokens else { return match }
      node = next
    }
  }

  /// Adds the tokens behind a full node, or behind a scope's root; their pages are the caller's to note. O(siblings).
  mutating func insert(
    _ tokens: ArraySlice<Int32>, behind parent: Int32?, in scope: CacheScope
  ) -> Insertion {
    precondition((1...pageTokens).contains(tokens.count), "\(tokens.count) tokens in a page of \(pageTokens)")
    let parent = parent ?? root(of: scope)
    precondition(self[parent].count % pageTokens == 0, "tokens behind \(self[parent].count) of a page")
    var child = self[parent].firstChild
    while child != Self.none {
      let common = commonPrefix(self.tokens(of: child), tokens)
      if common == tokens.count { return .found(child) }
      if common == self[child].count {
        write(tokens, to: child)
        nodes[Int(child)].hash = self[parent].hash.adding(tokens)
        return .grown(child)
      }
      child = self[child].nextSibling
    }
    let node = add(
      Node(
        parent: parent, position: self[parent].position + self[parent].count, count: 0,
        hash: self[parent].hash.adding(tokens)))
    write(tokens, to: node)
    nodes[Int(node)].nextSibling = self[parent].firstChild
    nodes[Int(parent)].firstChild = node
    count += 1
    return .added(node)
  }

  private mutating func write(_ tokens: ArraySlice<Int32>, to node: Int32) {
    for (offset, token) in tokens.enumerated() { texts[Int(node) * pageTokens + offset] = token }
    nodes[Int(node)].count = tokens.count
  }

  /// Keeps state after `offset` tokens of a node, where there is none.
  mutating func keep(_ slot: Int32, after offset: Int, of node: Int32) {
    let count = self[node].count
    precondition((1...count).contains(offset), "state after \(offset) of \(count) tokens")
    let index = self[node].states.firstIndex { $0.offset >= offset } ?? self[node].states.endIndex
    nodes[Int(node)].states.insert(KeptState(slot: slot, offset: offset), at: index)
  }

  /// Notes that the state in a slot of a node is in another one.
  mutating func move(from slot: Int32, to target: Int32, of node: Int32) {
    guard let index = self[node].states.firstIndex(where: { $0.slot == slot }) else { return }
    nodes[Int(node)].states[index] = KeptState(slot: target, offset: self[node].states[index].offset)
  }

  /// Forgets the state in a slot.
  mutating func forget(_ slot: Int32, of node: Int32) { nodes[Int(node)].states.removeAll { $0.slot == slot } }

  /// Removes a node without children and without state.
  mutating func remove(_ node: Int32) {
    precondition(self[node].firstChild == Self.none && self[node].states.isEmpty, "node \(node) is in use")
    let parent = self[node].parent
    count -= 1
    if self[parent].firstChild == node {
      nodes[Int(parent)].firstChild = self[node].nextSibling
    } else {
      var before = self[parent].firstChild
      while self[before].nextSibling != node { before = self[before].nextSibling }
      nodes[Int(before)].nextSibling = self[node].nextSibling
    }
    free(node)
    // A scope that holds nothing is forgotten.
    if self[parent].firstChild == Self.none, let scope = scopes[parent] {
      roots[scope] = nil
      scopes[parent] = nil
      free(parent)
    }
  }

  /// Notes the use of a node and of all before it.
  mutating func touch(_ node: Int32, at time: Int) {
    var node = node
    while node != Self.none {
      nodes[Int(node)].lastUse = time
      node = self[node].parent
    }
  }

  /// The tokens up to `offset` tokens of a node, and whose they are.
  func text(upTo node: Int32, _ offset: Int) -> (tokens: [Int32], scope: CacheScope) {
    var node = node
    var parts = [tokens(of: node).prefix(offset)]
    while self[self[node].parent].parent != Self.none {
      node = self[node].parent
      parts.append(tokens(of: node))
    }
    return (Array(parts.reversed().joined()), scopes[self[node].parent] ?? .shared)
  }

  private mutating func root(of scope: CacheScope) -> Int32 {
    if let root = roots[scope] { return root }
    let root = add(Node(parent: Self.none, position: 0, count: 0, hash: PrefixHash(scope)))
    roots[scope] = root
    scopes[root] = scope
    return root
  }

  private mutating func add(_ node: Node) -> Int32 {
    if let index = free.popLast() {
      nodes[Int(index)] = node
      return index
    }
    nodes.append(node)
    for _ in 0..<pageTokens { texts.append(0) }
    for _ in 0..<rows.groupCount { pages.append(PageRows.none) }
    return Int32(nodes.count - 1)
  }

  private mutating func free(_ node: Int32) {
    nodes[Int(node)].count = 0
    for group in 0..<rows.groupCount { set(page: PageRows.none, of: node, group: group) }
    free.append(node)
  }
}
