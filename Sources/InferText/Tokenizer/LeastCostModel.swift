/// PLaMo 2's model: of all ways to cut a text into tokens and single unknown characters, which bytes spell, the one that costs
/// least. A token costs its negated score, in whole ten-thousandths; at each place, of two that cost the same the longer one is
/// taken.
struct LeastCostModel: Sendable {
  /// What an unknown character costs.
  private static let unknownCost = 10_000_000
  /// What no token may cost.
  private static let costLimit = 20_000_000

  private var trie = ByteTrie()
  /// By id; the limit for what is no part of text.
  private let costs: [Int]
  /// The tokens `<0x00>` … `<0xFF>`.
  let byteTokens: [Int32]

  /// The first token of the cheapest way from a place to the end, where it ends, and the cost as a score.
  private typealias Node = UnigramModel.Node

  /// The scores of tokens, by id, as far as costs tell them.
  var scores: [Float] { costs.map { -Float(Double($0) / 1e4) } }

  /// - Parameters:
  ///   - pieces: tokens that text can consist of, and their scores, by id.
  ///   - byteTokens: the tokens of all bytes.
  init(pieces: [(token: [UInt8], score: Float)?], byteTokens: [Int32]) {
    precondition(byteTokens.count == 256, "\(byteTokens.count) tokens of bytes")
    self.byteTokens = byteTokens
    var costs = [Int](repeating: Self.costLimit, count: pieces.count)
    for (id, piece) in pieces.enumerated() {
      guard let piece, !piece.token.isEmpty, let cost = Self.cost(piece.score) else { continue }
      costs[id] = cost
      trie.insert(piece.token, value: Int32(id))
    }
    self.costs = costs
  }

  /// The cost of a score; `nil` for one that no token has.
  private static func cost(_ score: Float) -> Int? {
    let cost = -(Double(score) * 1e4).rounded()
    return abs(cost) < Double(costLimit) ? Int(cost) : nil
  }

  /// Sees to it that no text becomes this token.
  mutating func forget(_ token: [UInt8]) { trie.insert(token, value: -1) }

  /// Appends the tokens of one piece, given as UTF-8. `lattice` is scratch.
  ///
  /// - Complexity: O(n · longest token) for n bytes.
  func encode(_ piece: Span<UInt8>, into ids: inout [Int32], _ lattice: inout [UnigramModel.Node]) {
    // A mark of byte order is none of the text.
    let hasMark = piece.count >= 3 && piece[0] == 0xEF && piece[1] == 0xBB && piece[2] == 0xBF
    let begin = hasMark ? 3 : 0
    lattice.removeAll(keepingCapacity: true)
    for _ in 0...piece.count { lattice.append(Node(score: 0, start: piece.count, id: -1)) }
    for start in stride(from: piece.count - 1, through: begin, by: -1)
    where piece[start] & 0xC0 != 0x80 || start == begin {
      lattice[start] = cheapest(from: start, in: piece, lattice)
    }
    var start = begin
    while start < piece.count {
      let node = lattice[start]
      if node.id >= 0 {
        ids.append(node.id)
      } else {
        for index in start..<node.start { ids.append(byteTokens[Int(piece[index])]) }
      }
      start = node.start
    }
  }

  /// The first token of the cheapest way from a place on, and where it ends.
  private func cheapest(from start: Int, in piece: Span<UInt8>, _ lattice: [Node]) -> Node {
    let next = min(start + UTF8.length(startingWith: piece[start]), piece.count)
    var best = Node(score: lattice[next].score + Double(Self.unknownCost), start: next, id: -1)
    var (node, end) = (ByteTrie.root, start)
    while end < piece.count, let child = trie.child(of: node, piece[end]) {
      (node, end) = (child, end + 1)
      guard let id = trie.value(at: node) else { continue }
      let cost = lattice[end].score + Double(costs[Int(id)])
      if cost <= best.score { best = Node(score: cost, start: end, id: id) }
    }
    return best
  }
}
