extension TokenList {
  /// A tokenizer as a list that says the same: of the ways in which lists can be meant, the first that makes the same
  /// tokens of a few texts.
  ///
  /// - Parameters:
  ///   - tokenizer: the tokenizer.
  ///   - count: how many tokens the list has to have: as many as its model has, whose last ones may be unused.
  ///   - endTokens: tokens that end an answer.
  /// - Returns: `nil` when no list says the same.
  /// - Complexity: O(n) in the vocabulary's size, for each of some twenty ways.
  package init?(_ tokenizer: Tokenizer, count: Int, endTokens: [Int32]) {
    var list = TokenList(algorithm: .bytePair, tokens: [])
    list.setTokens(of: tokenizer, count: count)
    list.bos = tokenizer.postProcessor.prefix.first ?? tokenizer.bosToken.flatMap(tokenizer.id)
    list.eos = tokenizer.eosToken.flatMap(tokenizer.id) ?? endTokens.first
    list.eom = tokenizer.id(for: "<|eom_id|>").flatMap { endTokens.contains($0) && $0 != list.eos ? $0 : nil }
    list.eot = endTokens.first { $0 != list.eos && $0 != list.eom }
    list.fillInMiddle = tokenizer.fillInMiddle
    list.pad = tokenizer.padToken.flatMap(tokenizer.id)
    list.addsBOS = !tokenizer.postProcessor.prefix.isEmpty
    list.addsEOS = !tokenizer.postProcessor.suffix.isEmpty
    guard let found = list.candidates(tokenizer).first(where: { $0.says(tokenizer) }) else { return nil }
    self = found
  }

  private mutating func setTokens(of tokenizer: Tokenizer, count: Int) {
    let bytes = Set(tokenizer.byteTokens)
    for id in 0..<Int32(count) {
      guard let token = tokenizer.token(for: id) else {
        tokens.append("[PAD\(id)]")
        types.append(TokenType.unused.rawValue)
        continue
      }
      let type: TokenType
      if let added = tokenizer.addedTokens[id] {
        type = added.isSpecial ? .control : .userDefined
      } else {
        type = bytes.contains(id) ? .byte : tokenizer.unknownToken == id ? .unknown : .normal
      }
      tokens.append(token)
      types.append(type.rawValue)
    }
  }

  /// Lists of the same tokens that are meant in different ways.
  private func candidates(_ tokenizer: Tokenizer) -> [TokenList] {
    switch tokenizer.model {
    case .longestMatch:
      var list = self
      list.algorithm = .longestMatch
      return [list]
    case .leastCost(let model):
      var list = self
      list.algorithm = .leastCost
      let scores = model.scores
      list.scores = tokens.indices.map { $0 < scores.count ? scores[$0] : 0 }
      return [list]
    case .unigram(let model):
      var list = self
      list.algorithm = .unigram
      list.scores = tokens.indices.map { $0 < model.scores.count ? Float(model.scores[$0]) : 0 }
      return list.spacings
    case .bytePair(let model):
      let merges = model.merges.sorted.filter { max($0.left, $0.right, $0.merge.result) < tokens.count }
      let isOverBytes = if case .bytes = model.alphabet { true } else { false }
      return isOverBytes ? byteLevel(tokenizer, merges) : bytePairs(merges)
    }
  }

  private func byteLevel(
    _ tokenizer: Tokenizer, _ merges: [(left: Int32, right: Int32, merge: MergeTable.Merge)]
  ) -> [TokenList] {
    let texts = merges.map { "\(tokens[Int($0.left)]) \(tokens[Int($0.right)])" }
    return NamedSplitting.names.map { name in
      var list = self
      list.algorithm = .byteLevel(merges: texts, splitting: name)
      return list
    }
  }

  /// A token's score says when it is made; tokens that nothing makes come last.
  private func bytePairs(_ merges: [(left: Int32, right: Int32, merge: MergeTable.Merge)]) -> [TokenList] {
    var list = self
    list.scores = [Float](repeating: -Float(merges.count), count: tokens.count)
    for merge in merges.reversed() {
      list.scores[Int(merge.merge.result)] = -Float(merge.merge.rank)
    }
    return list.spacings
  }

  /// With the ways in which SentencePiece treats spaces.
  private var spacings: [TokenList] {
    [(true, false), (false, false), (true, true), (false, true)].map { prefix, removes in
      var list = self
      (list.addsSpacePrefix, list.removesExtraSpaces) = (prefix, removes)
      return list
    }
  }

  private static let texts = [
    "Hello, world! I'm sure they'll see it's HE'S  what\u{a0}we've done.", " leading and trailing spaces  ", "",
    "123 4567 89012345 3.14159 1,000,000 ٣٤٥ ½ Ⅷ", "def f(x):\n\treturn {\"a\": [x ** 2]}  # $5\r\n\r\n\n  done\n",
    "Grüße, naïve café — “quoted” … e\u{301}́ ñandú ÅNGSTRÖM camelCaseWORDS snake_case",
    "北京大学の日本語、中文。한국어 русский текст ελληνικά עברית العربية हिन्दी ไทย", "🙂👩‍👩‍👧 ~~~ ### //// <tag/> @me #1 %^&*()",
  ]

  /// Whether a tokenizer of this list makes of a few texts what another does: texts of many kinds, and the other's tokens
  /// in a row.
  private func says(_ other: Tokenizer) -> Bool {
    let step = max(1, tokens.count / 4096)
    let ids = stride(from: 0, to: tokens.count, by: step).map { Int32($0) }
      .filter { other.contains($0) && other.addedTokens[$0] == nil }
    let rows = stride(from: 0, to: ids.count, by: 64).map { other.decode(ids[$0..<min($0 + 64, ids.count)]) }
    do {
      let own = try Tokenizer(self)
      return try (Self.texts + rows).allSatisfy { text in
        try own.encode(text) == other.encode(text)
          && own.encode(text, addingSpecialTokens: true) == other.encode(text, addingSpecialTokens: true)
      }
    } catch { return false }
  }
}

extension Tokenizer {
  /// The tokens that stand for bytes which no other token covers.
  fileprivate var byteTokens: [Int32] {
    switch model {
    case .bytePair(let model): model.unknowns.byteTokens
    case .unigram(let model): model.byteTokens
    case .leastCost(let model): model.byteTokens
    case .longestMatch: []
    }
  }

  fileprivate var unknownToken: Int32? {
    switch model {
    case .bytePair(let model): model.unknowns.token
    case .unigram(let model): model.unknown
    case .longestMatch, .leastCost: nil
    }
  }
}
