/// A change of the blocks that a prefix cache has: whole pages of tokens that sequences to come can go on from.
package enum BlockChange: Sendable, Equatable {
  /// A block is there: its number, that of the one before it, which is there too (`nil` for none), and what it holds.
  case stored(Int32, behind: Int32?, tokens: [Int32], scope: CacheScope)
  /// A block is gone, after all behind it. Another may get its number.
  case removed(Int32)
  /// No block is there.
  case cleared
}

/// Notes which blocks of a prefix tree come and go.
///
/// Where there is recurrent state, a block is of use, and counts, while a state is kept in it or behind it; elsewhere
/// from when it is full.
struct BlockJournal {
  private struct Entry {
    /// The number of states that are kept in the node and behind it.
    var states = 0
    var isStored = false
  }

  private let needsState: Bool
  /// By node.
  private var entries: [Entry] = []
  private var changes: [BlockChange] = []

  init(needsState: Bool) { self.needsState = needsState }

  /// The changes since the last call.
  mutating func take() -> [BlockChange] {
    defer { changes = [] }
    return changes
  }

  /// Notes that a node has all its tokens. O(1).
  mutating func noteFull(_ node: Int32, of tree: PrefixTree, in scope: CacheScope) {
    makeRoom(for: node)
    guard !needsState || entries[Int(node)].states > 0 else { return }
    store(node, tree, scope)
  }

  /// Notes that a state is kept in a node. O(depth).
  mutating func noteState(in node: Int32, of tree: PrefixTree, scope: CacheScope) {
    guard needsState else { return }
    var (each, found) = (node, [Int32]())
    while tree[each].parent != PrefixTree.none {
      makeRoom(for: each)
      entries[Int(each)].states += 1
      if tree[each].count == tree.pageTokens { found.append(each) }
      each = tree[each].parent
    }
    for node in found.reversed() { store(node, tree, scope) }
  }

  /// Notes that a state in a node is kept no longer. O(depth).
  mutating func noteStateGone(from node: Int32, of tree: PrefixTree) {
    guard needsState else { return }
    var node = node
    while tree[node].parent != PrefixTree.none {
      entries[Int(node)].states -= 1
      if entries[Int(node)].states == 0 { remove(node) }
      node = tree[node].parent
    }
  }

  /// Notes that a node, which has no states and nothing behind it, is removed. O(1).
  mutating func noteGone(_ node: Int32) {
    makeRoom(for: node)
    remove(node)
  }

  /// Notes that no node is left.
  mutating func noteCleared() { changes.append(.cleared) }

  private mutating func store(_ node: Int32, _ tree: PrefixTree, _ scope: CacheScope) {
    guard !entries[Int(node)].isStored else { return }
    entries[Int(node)].isStored = true
    let parent = tree[node].parent
    changes.append(
      .stored(
        node, behind: tree[parent].parent == PrefixTree.none ? nil : parent, tokens: Array(tree.tokens(of: node)),
        scope: scope))
  }

  private mutating func remove(_ node: Int32) {
    guard entries[Int(node)].isStored else { return }
    entries[Int(node)].isStored = false
    changes.append(.removed(node))
  }

  private mutating func makeRoom(for node: Int32) {
    while entries.count <= Int(node) { entries.append(Entry()) }
  }
}
