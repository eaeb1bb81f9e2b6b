/// The parts of a tokenizer, whatever kind of file tells them.
struct TokenizerParts {
  var model: TokenModel
  /// The model's tokens as they are spelled in the file.
  var spellings: Vocabulary
  var added: [AddedToken] = []
  var normalizers: [Normalizer] = []
  var preTokenizers: [PreTokenizer] = []
  var postProcessor = PostProcessor()
  var decoder: TokenDecoder
  var bosToken: String?
  var eosToken: String?
  var padToken: String?
  /// Told by the file; by default, names tell.
  var fillInMiddle: FillInMiddleTokens?

  /// The id of a token by its name, added tokens before others.
  func id(for token: String) -> Int32? {
    added.last { $0.content.isExactly(token) }?.id ?? spellings.id(of: token)
  }

  /// Takes the names of special tokens from a `tokenizer_config.json`, and puts those around a text that it asks for,
  /// unless the tokenizer does so by itself.
  mutating func configure(_ configuration: JSONValue?) throws(TokenizerError) {
    let names = TokenizerField(configuration ?? .null, at: "tokenizer_config.json")
    bosToken = try names["bos_token"].map(Self.name) ?? bosToken
    eosToken = try names["eos_token"].map(Self.name) ?? eosToken
    padToken = try names["pad_token"].map(Self.name) ?? padToken
    guard postProcessor.prefix.isEmpty && postProcessor.suffix.isEmpty else { return }
    if try names.flag("add_bos_token", default: false), let id = bosToken.flatMap(id) { postProcessor.prefix = [id] }
    if try names.flag("add_eos_token", default: false), let id = eosToken.flatMap(id) { postProcessor.suffix = [id] }
  }

  /// A token's name is written as a string, or as an object with its properties.
  private static func name(_ field: TokenizerField) throws(TokenizerError) -> String {
    try (field["content"] ?? field).string()
  }
}

extension Tokenizer {
  init(_ parts: consuming TokenizerParts) throws(TokenizerError) {
    var parts = parts
    // Spelling a text in the byte alphabet only to look it up takes as long as encoding it.
    if case .spell = parts.preTokenizers.last, case .bytePair(let model) = parts.model, let bytes = model.overBytes() {
      parts.preTokenizers.removeLast()
      parts.model = .bytePair(bytes)
    }
    // Short pieces come again, and their tokens are remembered.
    if parts.preTokenizers.isEmpty, case .bytePair(let model) = parts.model, model.neverJoinsWords {
      parts.preTokenizers = [try PreTokenizer.split("▁*[^▁]+|▁+", .isolated)]
    }
    parts.model.forgetSpecialTokens(among: parts.added)
    model = parts.model
    spellings = parts.spellings
    addedTokens = Dictionary(parts.added.map { ($0.id, $0) }, uniquingKeysWith: { _, last in last })
    addedIDs = TextDictionary(parts.added.map { ($0.content, $0.id) }, uniquingKeysWith: { _, last in last })
    normalizers = parts.normalizers
    preTokenizers = parts.preTokenizers
    postProcessor = parts.postProcessor
    decoder = parts.decoder
    bosToken = parts.bosToken
    eosToken = parts.eosToken
    padToken = parts.padToken
    let added = parts.added
    fillInMiddle =
      parts.fillInMiddle ?? FillInMiddleTokens { name in added.last { $0.content.isExactly(name) }?.id }

    let regex = RegularExpression.Matcher()
    var matchers = (raw: AddedTokenMatcher(), normalized: AddedTokenMatcher())
    for token in parts.added {
      var spelling = Array(token.content.utf8)
      guard token.isNormalized else {
        matchers.raw.add(token, spelling: spelling)
        continue
      }
      for step in parts.normalizers { spelling = try step.apply(to: spelling, at: .beginning, with: regex) }
      matchers.normalized.add(token, spelling: spelling)
    }
    rawMatcher = matchers.raw
    normalizedMatcher = matchers.normalized

    var decoded = TokenBytes()
    let tokens = parts.spellings.tokens
    for id in 0..<Int32(tokens.endID) where tokens.contains(id) {
      decoded.set(
        try parts.decoder.bytes(for: Array(tokens[id]), isAdded: false, isFirst: false, with: regex), for: id)
    }
    for token in parts.added {
      decoded.set(
        try parts.decoder.bytes(for: Array(token.content.utf8), isAdded: true, isFirst: false, with: regex),
        for: token.id)
    }
    self.decoded = decoded
    vocabularySize = decoded.endID
  }
}
