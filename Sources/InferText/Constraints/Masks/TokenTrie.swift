/// The tokens of a vocabulary as a trie over their bytes, in one list that is walked from front to back.
struct TokenTrie: Sendable {
  typealias Token = (id: Int32, bytes: [UInt8])

  struct Node: Sendable {
    /// The last byte of the node's string.
    let byte: UInt8
    /// The number of bytes of its string.
    let depth: UInt16
    /// The index behind the last node below this one.
    var end: Int32
    /// The first of the ids of tokens that are the node's string, in ``ids``, and their number.
    var firstID: Int32
    var idCount: Int32
  }

  /// Parents before their children, and all that is below a node right behind it. The empty string has no node.
  private(set) var nodes: [Node] = []
  private(set) var ids: [Int32] = []
  /// The length of the longest token in bytes.
  private(set) var maxDepth = 0

  /// A trie of tokens, of which the empty ones are left out. O(bytes · log tokens).
  init(_ tokens: some Sequence<Token>) {
    let sorted = tokens.filter { !$0.bytes.isEmpty && $0.bytes.count < UInt16.max }.sorted {
      $0.bytes == $1.bytes ? $0.id < $1.id : $0.bytes.lexicographicallyPrecedes($1.bytes)
    }
    var path: [Int] = []
    var last: [UInt8] = []
    for (id, bytes) in sorted {
      let common = zip(last, bytes).prefix { $0 == $1 }.count
      while path.count > common { nodes[path.removeLast()].end = Int32(nodes.count) }
      for depth in common..<bytes.count {
        path.append(nodes.count)
        nodes.append(
          Node(byte: bytes[depth], depth: UInt16(depth + 1), end: 0, firstID: Int32(ids.count), idCount: 0))
      }
      if let node = path.last {
        if nodes[node].idCount == 0 { nodes[node].firstID = Int32(ids.count) }
        nodes[node].idCount += 1
      }
      ids.append(id)
      maxDepth = max(maxDepth, bytes.count)
      last = bytes
    }
    while let node = path.popLast() { nodes[node].end = Int32(nodes.count) }
  }

  /// `true` when there are tokens that begin with `bytes` and are longer. O(256 · bytes).
  func hasTokens(longerThan bytes: some Collection<UInt8>) -> Bool {
    var (index, end) = (0, nodes.count)
    for byte in bytes {
      while index < end, nodes[index].byte != byte { index = Int(nodes[index].end) }
      guard index < end else { return false }
      end = Int(nodes[index].end)
      index += 1
    }
    return index < end
  }
}
