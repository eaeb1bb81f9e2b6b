/// Byte-pair encoding: a piece starts as single characters or bytes, and of the neighbours that can join those of the
/// smallest rank do, until none can.
struct BytePairModel: Sendable {
  /// The symbols that a piece starts as.
  enum Alphabet: Sendable, Equatable {
    /// Characters, each looked up among the pieces.
    case characters
    /// Bytes, with the token of each.
    case bytes([Int32])
  }

  /// How characters that are no token themselves are encoded; by default they are dropped.
  struct Unknowns: Sendable {
    /// The tokens `<0x00>` … `<0xFF>`, which spell such a character; empty when not used.
    var byteTokens: [Int32] = []
    /// Stands for such a character where there are no byte tokens.
    var token: Int32?
    /// A run of unknown characters is one unknown token.
    var fuses = false
  }

  /// The alphabet in which tokens are spelled.
  private(set) var pieces: Vocabulary
  private(set) var merges: MergeTable
  private(set) var alphabet = Alphabet.characters
  var unknowns = Unknowns()
  /// A piece that is itself a token is taken whole, also where merging would not arrive at it.
  var ignoresMerges = false
  /// Tokens that no piece is taken for.
  private var forgotten: Set<Int32> = []

  init(pieces: Vocabulary, merges: MergeTable, alphabet: Alphabet = .characters) {
    self.pieces = pieces
    self.merges = merges
    self.alphabet = alphabet
  }

  /// Sees to it that no text becomes one of these tokens, but for single characters.
  mutating func forget(_ ids: Set<Int32>) {
    merges.removeAll(making: ids)
    forgotten = ids.filter { pieces.tokens.contains($0) }
  }

  /// The same model over the bytes that its pieces spell in the byte alphabet, so that no text need be spelled in it;
  /// nil when some byte is no token.
  func overBytes() -> BytePairModel? {
    let bytes = ByteAlphabet.spelling.compactMap { pieces.id(of: $0) }
    guard bytes.count == 256 else { return nil }
    let tokens = pieces.tokens
    var model = self
    model.pieces = Vocabulary(minimumCapacity: tokens.endID)
    for id in 0..<Int32(tokens.endID) where tokens.contains(id) {
      // A token with other characters in it never appears in a spelled text. No two spell the same bytes.
      guard let spelled = ByteAlphabet.bytes(spelledBy: String(decoding: tokens[id], as: UTF8.self)) else { continue }
      _ = model.pieces.insert(spelled, id: id)
    }
    model.alphabet = .bytes(bytes)
    return model
  }

  /// Whether a text may be cut before every run of marks (`▁`) that follows anything else, because no token has a mark
  /// behind another character, so that no merge reaches over such a place.
  var neverJoinsWords: Bool {
    let mark = SentencePieceNormalizer.mark
    guard alphabet == .characters, !ignoresMerges, pieces.id(of: mark) != nil else { return false }
    let tokens = pieces.tokens
    return (0..<Int32(tokens.endID)).allSatisfy { id in
      var rest = tokens[id]
      while rest.starts(with: mark) { rest.removeFirst(mark.count) }
      return !rest.indices.contains { rest[$0...].starts(with: mark) }
    }
  }

  /// Appends the tokens of one piece, given as UTF-8.
  /// - Complexity: O(n log n) for n bytes.
  func encode(_ piece: Span<UInt8>, into ids: inout [Int32], _ queue: inout MergeQueue) {
    if ignoresMerges, let id = pieces.id(of: piece), !forgotten.contains(id) {
      ids.append(id)
      return
    }
    queue.reset()
    switch alphabet {
    case .bytes(let tokens): for index in piece.indices { queue.symbols.append(tokens[Int(piece[index])]) }
    case .characters: appendCharacters(of: piece, to: &queue.symbols)
    }
    queue.mergeAll(merges)
    queue.appendSymbols(to: &ids)
  }

  private func appendCharacters(of piece: Span<UInt8>, to symbols: inout [Int32]) {
    var position = 0
    var previousIsUnknown = false
    while position < piece.count {
      var end = position + 1
      while end < piece.count, piece[end] & 0xC0 == 0x80 { end += 1 }
      let character = position..<end
      position = end
      if let id = pieces.id(of: piece.extracting(character)) {
        symbols.append(id)
        previousIsUnknown = false
      } else if !unknowns.byteTokens.isEmpty {
        for index in character { symbols.append(unknowns.byteTokens[Int(piece[index])]) }
        previousIsUnknown = false
      } else if let unknown = unknowns.token {
        if !(unknowns.fuses && previousIsUnknown) { symbols.append(unknown) }
        previousIsUnknown = true
      }
    }
  }
}

extension MergeTable {
  /// The longest token whose parts are searched for. Longer ones are reached by no merge.
  private static let longestToken = 512

  /// Every pair of pieces that together are a piece: the order of the results alone says which join first, as in
  /// SentencePiece and tiktoken.
  /// - Parameters:
  ///   - pieces: What tokens stand for.
  ///   - ranks: The rank of each token by id; nil for those that no merge makes.
  init(joining pieces: Vocabulary, ranks: [Int32?]) {
    let tokens = pieces.tokens
    self.init(minimumCapacity: 4 * tokens.endID)
    for id in 0..<Int32(tokens.endID) where tokens.contains(id) {
      guard Int(id) < ranks.count, let rank = ranks[Int(id)] else { continue }
      let token = Array(tokens[id])
      guard (2...Self.longestToken).contains(token.count) else { continue }
      for middle in 1..<token.count {
        guard let left = pieces.id(of: token.span.extracting(0..<middle)),
          let right = pieces.id(of: token.span.extracting(middle..<token.count))
        else { continue }
        insert(left, right, Merge(rank: rank, result: id))
      }
    }
  }
}
