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
  func hasTokens(longerThan bytes: some Collection<UInt8>) -> Bool { !nodes(below: bytes).isEmpty }

  /// The tokens that begin with `bytes` and are longer, each with what it has behind them.
  func tokens(longerThan bytes: some Collection<UInt8>) -> [(id: Int32, rest: [UInt8])] {
    var rest: [UInt8] = []
    return nodes[nodes(below: bytes)].flatMap { node in
      rest.removeLast(rest.count - (Int(node.depth) - bytes.count - 1))
      rest.append(node.byte)
      return ids[Int(node.firstID)..<Int(node.firstID + node.idCount)].map { ($0, rest) }
    }
  }

  /// The tokens that have `bytes` behind their first byte and more behind them, each with what is behind the first of these.
  func tokens(around bytes: [UInt8]) -> [(id: Int32, rest: [UInt8])] {
    var (text, found) = ([UInt8](), [(id: Int32, rest: [UInt8])]())
    // For each prefix of the text, where it first has the bytes.
    var starts: [Int?] = []
    for node in nodes {
      text.removeLast(text.count - Int(node.depth) + 1)
      starts.removeLast(starts.count - Int(node.depth) + 1)
      text.append(node.byte)
      var start = starts.last ?? nil
      if start == nil, node.byte == bytes.last, text.count > bytes.count, text.suffix(bytes.count) == bytes[...] {
        start = text.count - bytes.count
      }
      starts.append(start)
      guard let start, text.count > start + bytes.count else { continue }
      for place in Int(node.firstID)..<Int(node.firstID + node.idCount) {
        found.append((ids[place], Array(text[(start + bytes.count)...])))
      }
    }
    return found
  }

  /// The nodes whose strings begin with `bytes` and are longer.
  private func nodes(below bytes: some Collection<UInt8>) -> Range<Int> {
    var (index, end) = (0, nodes.count)
    for byte in bytes {
      while index < end, nodes[index].byte != byte { index = Int(nodes[index].end) }
      guard index < end else { return end..<end }
      end = Int(nodes[index].end)
      index += 1
    }
    return index..<end
  }
}
