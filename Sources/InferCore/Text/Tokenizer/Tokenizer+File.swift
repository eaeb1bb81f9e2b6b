public import Foundation

extension Tokenizer {
  /// Loads `tokenizer.json`, and `tokenizer_config.json` if there is one, from a model's folder.
  public init(folder: URL) throws(TokenizerError) { try self.init(files: .folder(folder)) }

  /// Loads `tokenizer.json`, and `tokenizer_config.json` if there is one, from a model's files.
  public init(files: ModelFiles) throws(TokenizerError) {
    guard let json = try Self.document("tokenizer.json", in: files) else {
      throw .file("tokenizer.json", reason: "there is no such file in \(files.path)")
    }
    try self.init(json: json, configuration: try Self.document("tokenizer_config.json", in: files))
  }

  /// Builds a tokenizer from the parsed files.
  ///
  /// Anything that would change the tokens and is not understood is an error that names it.
  public init(json: JSONValue, configuration: JSONValue? = nil) throws(TokenizerError) {
    let file = TokenizerField(json, at: "")
    model = try BytePairModel(try file.require("model"))
    normalizers = try file["normalizer"].map(Normalizer.steps) ?? []
    preTokenizers = try file["pre_tokenizer"].map(PreTokenizer.steps) ?? []
    decoder = try TokenDecoder(try file.require("decoder"))

    var added: [AddedToken] = []
    for field in try file["added_tokens"]?.elements() ?? [] { added.append(try AddedToken(field)) }
    addedTokens = Dictionary(added.map { ($0.id, $0) }, uniquingKeysWith: { _, last in last })
    addedIDs = Dictionary(added.map { ($0.content, $0.id) }, uniquingKeysWith: { _, last in last })
    rawMatcher = try Self.matcher(added.filter { !$0.isNormalized }, normalizers: [])
    normalizedMatcher = try Self.matcher(added.filter(\.isNormalized), normalizers: normalizers)

    var decoded = TokenBytes()
    let tokens = model.vocabulary.tokens
    for id in 0..<Int32(tokens.endID) where tokens.contains(id) {
      decoded.set(decoder.bytes(for: String(decoding: tokens[id], as: UTF8.self)), for: id)
    }
    for token in added { decoded.set(decoder.bytes(for: token.content), for: token.id) }
    self.decoded = decoded
    vocabularySize = decoded.endID
    cache = WordCache()

    let names = TokenizerField(configuration ?? .null, at: "tokenizer_config.json")
    bosToken = try names["bos_token"].map(Self.tokenName)
    eosToken = try names["eos_token"].map(Self.tokenName)
    padToken = try names["pad_token"].map(Self.tokenName)
    var postProcessor = try file["post_processor"].map(PostProcessor.init) ?? PostProcessor()
    if postProcessor.prefix.isEmpty && postProcessor.suffix.isEmpty {
      let ids = [bosToken, eosToken].map { $0.flatMap { name in added.last { $0.content == name }?.id } }
      if try names.flag("add_bos_token", default: false), let bos = ids[0] { postProcessor.prefix = [bos] }
      if try names.flag("add_eos_token", default: false), let eos = ids[1] { postProcessor.suffix = [eos] }
    }
    self.postProcessor = postProcessor
  }

  private static func document(_ name: String, in files: ModelFiles) throws(TokenizerError) -> JSONValue? {
    let bytes: [UInt8]?
    do { bytes = try files.bytes(name) } catch { throw .file(name, reason: error.description) }
    guard let bytes else { return nil }
    do {
      // Two tokens of the same spelling would lose one of them.
      return try JSONValue(parsing: bytes, options: .init(allowNonFinite: true, duplicateKeys: .reject))
    } catch {
      throw .file(name, reason: error.description)
    }
  }

  private static func matcher(
    _ tokens: [AddedToken], normalizers: [Normalizer]
  ) throws(TokenizerError) -> AddedTokenMatcher {
    let regex = RegularExpression.Matcher()
    var matcher = AddedTokenMatcher()
    for token in tokens {
      var spelling = Array(token.content.utf8)
      for step in normalizers { spelling = try step.apply(to: spelling, with: regex) }
      matcher.add(token, spelling: spelling)
    }
    return matcher
  }

  /// A token's name is written as a string, or as an object with its properties.
  private static func tokenName(_ field: TokenizerField) throws(TokenizerError) -> String {
    try (field["content"] ?? field).string()
  }
}

extension PreTokenizer {
  /// GPT-2's pattern: contractions, words, numbers and other runs, each with one space before it; remaining white
  /// space.
  private static let wordPattern =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  /// The steps of a pre-tokenizer in a tokenizer file; a sequence is flattened.
  fileprivate static func steps(_ field: TokenizerField) throws(TokenizerError) -> [PreTokenizer] {
    switch try field.type() {
    case "Sequence":
      var steps: [PreTokenizer] = []
      for step in try field.require("pretokenizers").elements() { steps += try Self.steps(step) }
      return steps
    case "ByteLevel":
      let splits = try field.flag("use_regex", default: true)
      let pattern = splits ? try RegularExpression(wordPattern, at: field.path) : nil
      return [.byteLevel(pattern: pattern, addsPrefixSpace: try field.flag("add_prefix_space", default: true))]
    case "Split":
      let behavior = try field.require("behavior")
      guard let known = Behavior(rawValue: try behavior.string()) else {
        throw behavior.unsupported("the behavior \(try behavior.string())")
      }
      return [
        .split(
          try SplitPattern(try field.require("pattern")), known, inverted: try field.flag("invert", default: false))
      ]
    case "Digits": return [.digits(individual: try field.flag("individual_digits", default: false))]
    case let type: throw field.unsupported("the pre-tokenizer \(type)")
    }
  }
}
