/// RWKV's model: at every place of a text the longest token that it goes on with, over bytes.
struct LongestMatchModel: Sendable {
  private var trie = ByteTrie()

  /// A model of tokens by id, of which every byte is one; `nil` where one is missing.
  init?(_ tokens: [(bytes: [UInt8], id: Int32)]) {
    var single = 0
    for (bytes, id) in tokens {
      trie.insert(bytes, value: id)
      if bytes.count == 1 { single += 1 }
    }
    guard single == 256 else { return nil }
  }

  /// Sees to it that no text becomes a token of these bytes; single bytes stay.
  mutating func forget(_ token: [UInt8]) {
    if token.count > 1 { trie.insert(token, value: -1) }
  }

  /// Appends the tokens of one piece.
  /// - Complexity: O(n) for n bytes, times the longest beginning of a token at each place.
  func encode(_ piece: Span<UInt8>, into ids: inout [Int32]) {
    var start = 0
    while start < piece.count {
      var (node, position) = (ByteTrie.root, start)
      var found: (id: Int32, end: Int)?
      while position < piece.count, let child = trie.child(of: node, piece[position]) {
        (node, position) = (child, position + 1)
        if let id = trie.value(at: node) { found = (id, position) }
      }
      // Every byte is a token.
      guard let found else { return }
      ids.append(found.id)
      start = found.end
    }
  }
}
