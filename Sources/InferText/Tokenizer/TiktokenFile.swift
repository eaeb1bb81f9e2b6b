extension TokenizerParts {
  /// Reads a tiktoken file: on each line a token in base64 and its rank, which is its id and says which tokens join
  /// first. How texts are cut into words and what the special tokens are is no part of it.
  ///
  /// - Parameters:
  ///   - bytes: The file.
  ///   - name: Its name, which tells the family.
  ///   - configuration: What `tokenizer_config.json` says, with the special tokens under `added_tokens_decoder`.
  /// - Throws: ``TokenizerError`` when a line is damaged or the family is not known.
  init(tiktoken bytes: [UInt8], name: String, configuration: JSONValue?) throws(TokenizerError) {
    let family = try TiktokenFamily(file: name, configuration: configuration)
    let pieces = try Self.ranks(bytes, name: name)
    let tokens = pieces.tokens
    var spellings = Vocabulary(minimumCapacity: tokens.endID)
    var ranks = [Int32?](repeating: nil, count: tokens.endID)
    for id in 0..<Int32(tokens.endID) where tokens.contains(id) {
      _ = spellings.insert(tokens[id].flatMap { ByteAlphabet.spelling[Int($0)] }, id: id)
      ranks[Int(id)] = id
    }
    let alphabet = (UInt8.min...UInt8.max).compactMap { pieces.id(of: [$0]) }
    guard alphabet.count == 256 else {
      throw .file(name, reason: "\(256 - alphabet.count) of the 256 single bytes are missing")
    }
    var model = BytePairModel(
      pieces: pieces, merges: MergeTable(joining: pieces, ranks: ranks), alphabet: .bytes(alphabet))
    model.ignoresMerges = true
    self.init(model: .bytePair(model), spellings: spellings, decoder: TokenDecoder([.byteLevel]))
    preTokenizers = [try PreTokenizer.split(family.pattern, .isolated)]
    added = try family.specialTokens(configuration, firstID: Int32(tokens.endID))
  }

  private static func ranks(_ bytes: [UInt8], name: String) throws(TokenizerError) -> Vocabulary {
    var vocabulary = Vocabulary()
    var number = 0
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let columns = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") }
      if columns.isEmpty { continue }
      guard columns.count == 2, let token = Base64.decode(Array(columns[0])), !token.isEmpty,
        let rank = Int(String(decoding: columns[1], as: UTF8.self)), (0..<TokenizerField.tokenLimit).contains(rank)
      else { throw .file(name, reason: "line \(number): expected a token in base64 and its rank") }
      guard vocabulary.insert(token, id: Int32(rank)) else {
        throw .file(name, reason: "line \(number): the token or its rank \(rank) was there before")
      }
    }
    return vocabulary
  }
}

/// Facts about tiktoken files that the models which ship them say in code.
private enum TiktokenFamily {
  case hunyuan, qwen, kimi

  init(file name: String, configuration: JSONValue?) throws(TokenizerError) {
    let kind = configuration?["tokenizer_class"]?.string ?? ""
    switch (name, kind) {
    case ("hy.tiktoken", _), (_, "HYTokenizer"): self = .hunyuan
    case ("qwen.tiktoken", _), (_, "QWenTokenizer"): self = .qwen
    case ("tiktoken.model", _), (_, "TikTokenTokenizer"): self = .kimi
    default: throw .unsupported(path: name, what: "a tiktoken file of the tokenizer class \"\(kind)\"")
    }
  }

  var pattern: String {
    switch self {
    case .hunyuan, .qwen: NamedSplitting.words(digits: "")
    case .kimi: NamedSplitting.kimi
    }
  }

  /// The tokens that the configuration lists, and those that the family always has.
  func specialTokens(_ configuration: JSONValue?, firstID: Int32) throws(TokenizerError) -> [AddedToken] {
    var tokens = try AddedToken.list(configuration)
    let known = Set(tokens.map(\.id))
    for (offset, name) in names.enumerated() where !known.contains(firstID + Int32(offset)) {
      tokens.append(AddedToken(id: firstID + Int32(offset), content: name, isSpecial: true))
    }
    return tokens
  }

  /// Special tokens in the order of their ids, which follow those of the file.
  private var names: [String] {
    let extras = (0..<205).map { "<|extra_\($0)|>" }
    return switch self {
    case .hunyuan: ["<|endoftext|>", "<|startoftext|>", "<|bos|>", "<|eos|>", "<|pad|>"] + extras
    case .qwen: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + extras
    case .kimi: []
    }
  }
}

extension AddedToken {
  /// The tokens that a `tokenizer_config.json` lists under `added_tokens_decoder`.
  static func list(_ configuration: JSONValue?) throws(TokenizerError) -> [AddedToken] {
    let list = TokenizerField(configuration ?? .null, at: "tokenizer_config.json")["added_tokens_decoder"]
    var tokens: [AddedToken] = []
    for (key, value) in list?.value.object ?? [:] {
      let field = TokenizerField(value, at: "tokenizer_config.json.added_tokens_decoder[\"\(key)\"]")
      tokens.append(try AddedToken(field, id: try TokenizerField(.integer(Int(key) ?? -1), at: field.path).tokenID()))
    }
    return tokens
  }
}
