extension TokenizerParts {
  /// The parts that a list of tokens describes. Places in errors have the names of GGUF's metadata.
  init(_ list: TokenList) throws(TokenizerError) {
    try Self.check(list)
    switch list.algorithm {
    case .byteLevel(let merges, let splitting): try self.init(byteLevel: list, merges, splitting: splitting)
    case .bytePair, .unigram: try self.init(sentencePiece: list)
    case .longestMatch: try self.init(longestMatch: list)
    case .leastCost: try self.init(leastCost: list)
    }
    for (id, token) in list.tokens.enumerated() where !token.isEmpty {
      let type = list.type(of: id)
      guard type == .control || type == .userDefined || type == .unknown else { continue }
      added.append(AddedToken(id: Int32(id), content: token, isSpecial: type != .userDefined))
    }
    fillInMiddle = list.fillInMiddleByName
    (bosToken, eosToken, padToken) = (list.name(list.bos), list.name(list.eos), list.name(list.pad))
    if list.addsBOS ?? list.usuallyAddsBOS, let bos = list.bos { postProcessor.prefix = [bos] }
    if list.addsEOS ?? false, let eos = list.eos { postProcessor.suffix = [eos] }
  }

  private static func check(_ list: TokenList) throws(TokenizerError) {
    let count = list.tokens.count
    guard (1...TokenizerField.tokenLimit).contains(count) else {
      throw .invalid(path: "tokens", reason: "a list of \(count) tokens is not in 1…\(TokenizerField.tokenLimit)")
    }
    if [.bytePair, .unigram, .leastCost].contains(list.algorithm), list.scores.count != count {
      throw .invalid(path: "scores", reason: "\(list.scores.count) scores for \(count) tokens")
    }
    if let id = list.scores.firstIndex(where: \.isNaN) {
      throw .invalid(path: "scores[\(id)]", reason: "the score is no number")
    }
    guard list.types.isEmpty || list.types.count == count else {
      throw .invalid(path: "token_type", reason: "\(list.types.count) types for \(count) tokens")
    }
    let ids = [("bos_token_id", list.bos), ("eos_token_id", list.eos), ("padding_token_id", list.pad)]
    for case (let name, let id?) in ids where id < 0 || id >= count {
      throw .invalid(path: name, reason: "the id \(id) is not below the count of tokens, \(count)")
    }
  }

  private init(byteLevel list: TokenList, _ merges: [String], splitting: String) throws(TokenizerError) {
    let vocabulary = list.vocabulary()
    let table = try Self.mergeTable(merges, list, vocabulary, splitting: splitting)
    let named = try NamedSplitting(splitting)
    var model = BytePairModel(pieces: vocabulary, merges: table)
    model.ignoresMerges = named.ignoresMerges
    let mark = Array(SentencePieceNormalizer.mark)
    let space = [UInt8(ascii: " ")]
    if named.spellsBytes {
      self.init(model: .bytePair(model), spellings: vocabulary, decoder: TokenDecoder([.byteLevel]))
    } else {
      let bytes = list.tokens.indices.contains { list.type(of: $0) == .byte } ? ByteFallback.tokens(in: vocabulary) : []
      let unknown = list.tokens.indices.first { list.type(of: $0) == .unknown }.map(Int32.init)
      model.unknowns = BytePairModel.Unknowns(byteTokens: bytes, token: unknown, fuses: true)
      self.init(
        model: .bytePair(model), spellings: vocabulary,
        decoder: TokenDecoder([.byteFallback] + (named.marksSpaces ? [.replace(.literal(mark), with: space)] : [])))
      if named.marksSpaces { normalizers = [.replace(.literal(space), with: mark)] }
    }
    if named.composes { normalizers = [.form(.nfc)] }
    for pattern in named.patterns { preTokenizers.append(try PreTokenizer.split(pattern, .isolated)) }
    if named.spellsBytes { preTokenizers.append(.spell) }
  }

  private static func mergeTable(
    _ merges: [String], _ list: TokenList, _ vocabulary: Vocabulary, splitting: String
  ) throws(TokenizerError) -> MergeTable {
    if merges.isEmpty {
      // Made from tiktoken's ranks, which are the ids.
      guard splitting == "kimi-k2" else { throw .invalid(path: "merges", reason: "there are none") }
      let ranks = list.tokens.indices.map { list.type(of: $0) == .normal ? Int32($0) : nil }
      return MergeTable(joining: vocabulary, ranks: ranks)
    }
    var table = MergeTable(minimumCapacity: merges.count)
    for (rank, merge) in merges.enumerated() {
      guard table.insert(BytePairModel.parts(of: merge), rank: rank, vocabulary) else {
        throw .invalid(path: "merges[\(rank)]", reason: "\(BytePairModel.mergeRule); found \"\(merge)\"")
      }
    }
    return table
  }

  private init(longestMatch list: TokenList) throws(TokenizerError) {
    let vocabulary = list.vocabulary()
    var tokens: [(bytes: [UInt8], id: Int32)] = []
    for (id, token) in list.tokens.enumerated() where list.type(of: id) == .normal {
      guard let bytes = EscapedBytes.bytes(spelledBy: token.utf8), !bytes.isEmpty else {
        throw .invalid(path: "tokens[\(id)]", reason: "\"\(token)\" spells no bytes, expected such as \"a\\xff\"")
      }
      guard vocabulary.id(of: token) == Int32(id) else {
        throw .invalid(path: "tokens[\(id)]", reason: "the token \"\(token)\" was there before")
      }
      tokens.append((bytes, Int32(id)))
    }
    guard let model = LongestMatchModel(tokens) else {
      throw .invalid(path: "tokens", reason: "not every single byte is a token")
    }
    self.init(model: .longestMatch(model), spellings: vocabulary, decoder: TokenDecoder([.escapes]))
  }

  private init(leastCost list: TokenList) throws(TokenizerError) {
    let vocabulary = list.vocabulary()
    let bytes = ByteFallback.tokens(in: vocabulary)
    guard bytes.count == 256 else {
      throw .invalid(path: "tokens", reason: "not every byte has a token, such as \(ByteFallback.token(for: 10))")
    }
    let pieces = list.tokens.indices.map { id in
      list.type(of: id) == .normal || list.type(of: id) == .userDefined
        ? (token: Array(list.tokens[id].utf8), score: list.scores[id]) : nil
    }
    self.init(
      model: .leastCost(LeastCostModel(pieces: pieces, byteTokens: bytes)), spellings: vocabulary,
      decoder: TokenDecoder([.byteFallback]))
  }

  private init(sentencePiece list: TokenList) throws(TokenizerError) {
    let vocabulary = list.vocabulary()
    let bytes = list.tokens.indices.contains { list.type(of: $0) == .byte } ? ByteFallback.tokens(in: vocabulary) : []
    let unknown = list.tokens.indices.first { list.type(of: $0) == .unknown }.map(Int32.init)
    let decoder = TokenDecoder(
      [.byteFallback, .replace(.literal(SentencePieceNormalizer.mark), with: [UInt8(ascii: " ")])],
      leadingStrip: list.addsSpacePrefix ? .init(character: UInt8(ascii: " "), count: 1) : nil)
    if list.algorithm == .unigram {
      let model = UnigramModel(pieces: list.unigramPieces, unknown: unknown, byteTokens: bytes)
      self.init(model: .unigram(model), spellings: vocabulary, decoder: decoder)
    } else {
      var model = BytePairModel(pieces: vocabulary, merges: MergeTable(joining: vocabulary, ranks: list.mergeRanks))
      model.unknowns = BytePairModel.Unknowns(byteTokens: bytes, token: unknown, fuses: true)
      self.init(model: .bytePair(model), spellings: vocabulary, decoder: decoder)
    }
    normalizers = [
      .sentencePiece(
        SentencePieceNormalizer(
          map: list.characterMap.isEmpty ? nil : try CharacterMap(list.characterMap, at: "precompiled_charsmap"),
          addsPrefix: list.addsSpacePrefix, addsPrefixEverywhere: list.addsSpacePrefixEverywhere,
          trimsSpaces: list.removesExtraSpaces ?? (list.algorithm == .unigram)))
    ]
  }
}

extension TokenList {
  fileprivate var usuallyAddsBOS: Bool {
    switch algorithm {
    case .byteLevel(_, let splitting): NamedSplitting.addsBOS(splitting)
    case .bytePair: true
    // llama.cpp adds none for PLaMo 2 either, whatever files say of one.
    case .unigram, .longestMatch, .leastCost: false
    }
  }

  fileprivate func name(_ id: Int32?) -> String? { id.map { tokens[Int($0)] } }

  /// Of equal tokens, the first is found.
  fileprivate func vocabulary() -> Vocabulary {
    var vocabulary = Vocabulary(minimumCapacity: tokens.count)
    for (id, token) in tokens.enumerated() { _ = vocabulary.insert(Array(token.utf8), id: Int32(id)) }
    return vocabulary
  }

  /// The place of each normal token among all by score, the best first; equal scores share one.
  fileprivate var mergeRanks: [Int32?] {
    let ids = tokens.indices.filter { type(of: $0) == .normal }.sorted { scores[$0] > scores[$1] }
    var ranks = [Int32?](repeating: nil, count: tokens.count)
    var rank: Int32 = 0
    for (place, id) in ids.enumerated() {
      if place > 0, scores[ids[place - 1]] != scores[id] { rank += 1 }
      ranks[id] = rank
    }
    return ranks
  }

  /// The tokens that text can consist of. Those defined by a user score as if nothing else could be there.
  fileprivate var unigramPieces: [(token: [UInt8], score: Double)?] {
    let best = Double(tokens.indices.lazy.filter { type(of: $0) == .normal }.map { scores[$0] }.max() ?? 0)
    return tokens.indices.map { id in
      let token = Array(tokens[id].utf8)
      switch type(of: id) {
      case .normal: return (token, Double(scores[id]))
      case .userDefined: return (token, Double(tokens[id].unicodeScalars.count) * best - 0.1)
      default: return nil
      }
    }
  }
}
