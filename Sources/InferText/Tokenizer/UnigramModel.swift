/// A unigram language model: of all ways to cut a piece into tokens, the one whose scores add up to the most.
///
/// Kudo, "Subword Regularization" (ACL 2018), equation 2; the best way is found as in Viterbi's algorithm.
struct UnigramModel: Sendable {
  /// How much worse an unknown character is than the worst token, as in SentencePiece.
  private static let unknownPenalty = 10.0

  /// Tokens by what they stand for.
  private var trie: ByteTrie
  /// The logarithm of each token's probability, by id.
  let scores: [Double]
  private let unknownScore: Double
  let unknown: Int32?
  /// The tokens `<0x00>` … `<0xFF>`, which spell unknown characters; empty when not used.
  let byteTokens: [Int32]

  /// The best way to cut what lies before a position.
  struct Node {
    var score: Double
    /// The start of its last token; -1 while there is none.
    var start: Int
    /// Its last token; -1 for an unknown character.
    var id: Int32
  }

  /// - Parameters:
  ///   - pieces: Tokens that text can consist of, and their scores, by id.
  ///   - unknown: What a run of unknown characters becomes where there are no byte tokens; nothing, without one.
  ///   - byteTokens: The tokens of all bytes, or none.
  init(pieces: [(token: [UInt8], score: Double)?], unknown: Int32?, byteTokens: [Int32]) {
    var trie = ByteTrie()
    for (id, piece) in pieces.enumerated() {
      if let piece, !piece.token.isEmpty { trie.insert(piece.token, value: Int32(id)) }
    }
    self.trie = trie
    scores = pieces.map { $0?.score ?? 0 }
    unknownScore = (pieces.compactMap { $0?.score }.min() ?? 0) - Self.unknownPenalty
    self.unknown = unknown
    self.byteTokens = byteTokens
  }

  /// Sees to it that no text becomes this token.
  mutating func forget(_ token: [UInt8]) { trie.insert(token, value: -1) }

  /// Appends the tokens of one piece, given as UTF-8. `lattice` is scratch.
  /// - Complexity: O(n · longest token) for n bytes.
  func encode(_ piece: Span<UInt8>, into ids: inout [Int32], _ lattice: inout [Node]) {
    guard !piece.isEmpty else { return }
    lattice.removeAll(keepingCapacity: true)
    for _ in 0...piece.count { lattice.append(Node(score: 0, start: -1, id: -1)) }
    var start = 0
    while start < piece.count {
      let length = min(UTF8.length(startingWith: piece[start]), piece.count - start)
      extend(&lattice, from: start, characterLength: length, in: piece)
      start += length
    }
    let first = ids.count
    appendBestPath(lattice, of: piece, to: &ids)
    ids[first...].reverse()
  }

  /// Offers every token that starts at `start` to the position behind it.
  private func extend(_ lattice: inout [Node], from start: Int, characterLength: Int, in piece: Span<UInt8>) {
    let score = lattice[start].score
    var coversCharacter = false
    var node = ByteTrie.root
    var end = start
    while end < piece.count, let child = trie.child(of: node, piece[end]) {
      node = child
      end += 1
      guard let id = trie.value(at: node) else { continue }
      Self.offer(Node(score: score + scores[Int(id)], start: start, id: id), to: &lattice[end])
      if end - start == characterLength { coversCharacter = true }
    }
    guard !coversCharacter else { return }
    Self.offer(Node(score: score + unknownScore, start: start, id: -1), to: &lattice[start + characterLength])
  }

  private static func offer(_ candidate: Node, to node: inout Node) {
    if node.start < 0 || candidate.score > node.score { node = candidate }
  }

  /// Appends the tokens of the best path from its end to its start.
  private func appendBestPath(_ lattice: [Node], of piece: Span<UInt8>, to ids: inout [Int32]) {
    var end = piece.count
    var nextIsUnknown = false
    while end > 0 {
      let node = lattice[end]
      if node.id >= 0, node.id != unknown {
        ids.append(node.id)
      } else if !byteTokens.isEmpty {
        for index in (node.start..<end).reversed() { ids.append(byteTokens[Int(piece[index])]) }
      } else if let unknown, !nextIsUnknown {
        ids.append(unknown)
      }
      nextIsUnknown = node.id < 0 || node.id == unknown
      end = node.start
    }
  }
}

extension UTF8 {
  /// How many bytes a character has, by its first.
  static func length(startingWith byte: UInt8) -> Int { byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4 }
}

extension UnigramModel {
  /// Reads the member `model` of a `tokenizer.json`, of the type `Unigram`; adds its tokens to `spellings`.
  init(_ field: TokenizerField, spellings: inout Vocabulary) throws(TokenizerError) {
    var pieces: [(token: [UInt8], score: Double)?] = []
    for entry in try field.require("vocab").elements() {
      guard let token = entry.value[0]?.string, let score = entry.value[1]?.double, score.isFinite else {
        throw entry.invalid("expected a token and its score")
      }
      let id = try TokenizerField(.integer(pieces.count), at: entry.path).tokenID()
      // Of equal tokens the last is found, as in Hugging Face's library.
      _ = spellings.insert(Array(token.utf8), id: id)
      pieces.append((Array(token.utf8), score))
    }
    var unknown: Int32?
    if let field = field["unk_id"] {
      let id = try field.tokenID()
      guard id < pieces.count else { throw field.invalid("not in the vocabulary") }
      unknown = id
    }
    let fallsBack = try field.flag("byte_fallback", default: false)
    self.init(pieces: pieces, unknown: unknown, byteTokens: fallsBack ? ByteFallback.tokens(in: spellings) : [])
  }
}
