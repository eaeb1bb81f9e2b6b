public import Foundation

extension Tokenizer {
  /// Loads the tokenizer of a model's folder, as `init(files:)` does.
  ///
  /// - Parameters:
  ///   - folder: The model's folder.
  /// - Throws: ``TokenizerError`` when there is none, or it cannot be read or understood.
  public init(folder: URL) throws(TokenizerError) { try self.init(files: .folder(folder)) }

  /// Loads a tokenizer from a model's files: `tokenizer.json`, or else a SentencePiece `tokenizer.model`, a tiktoken
  /// file of ranks or RWKV's vocabulary; with `tokenizer_config.json` if there is one. Or the vocabulary of a GGUF file.
  ///
  /// - Parameters:
  ///   - files: The model's files.
  /// - Throws: ``TokenizerError`` when there is none, or it cannot be read or understood.
  package init(files: ModelFiles) throws(TokenizerError) {
    let configuration = try Self.document("tokenizer_config.json", in: files)
    if let json = try Self.document("tokenizer.json", in: files) {
      try self.init(json: json, configuration: configuration)
      return
    }
    for name in Self.binaryFiles {
      guard let bytes = try Self.bytes(name, in: files) else { continue }
      try self.init(bytes: bytes, name: name, configuration: configuration)
      return
    }
    guard let vocabulary = files.vocabulary else {
      throw .file("tokenizer.json", reason: "there is no such file in \(files.url.displayPath)")
    }
    try self.init(vocabulary)
  }

  /// The source that ``init(files:)`` reads: the name of a file, `tokenizer.ggml` for the vocabulary of a GGUF file, or `nil` where
  /// there is no tokenizer.
  ///
  /// - Parameters:
  ///   - files: The model's files.
  package static func source(in files: ModelFiles) -> String? {
    (["tokenizer.json"] + binaryFiles).first(where: files.has) ?? files.vocabulary.map { _ in "tokenizer.ggml" }
  }

  /// Tokenizers that are no JSON, in the order in which they are looked for.
  private static let binaryFiles = [
    "tokenizer.model", "tiktoken.model", "hy.tiktoken", "qwen.tiktoken", TokenizerParts.rwkvFile,
  ]

  private init(bytes: [UInt8], name: String, configuration: JSONValue?) throws(TokenizerError) {
    // Two kinds go by the name `tokenizer.model`. SentencePiece's starts with the tag of its first field.
    var parts: TokenizerParts
    if name.isExactly(TokenizerParts.rwkvFile) {
      parts = try TokenizerParts(rwkv: bytes, name: name, configuration: configuration)
    } else if bytes.first == 0x0A {
      parts = try TokenizerParts(TokenList(sentencePiece: bytes, name: name, configuration: configuration))
    } else {
      parts = try TokenizerParts(tiktoken: bytes, name: name, configuration: configuration)
    }
    try parts.configure(configuration)
    try self.init(parts)
  }

  /// Builds a tokenizer from the parsed files.
  ///
  /// Anything that would change the tokens and is not understood is an error that names it.
  ///
  /// - Parameters:
  ///   - json: What `tokenizer.json` says.
  ///   - configuration: What `tokenizer_config.json` says.
  /// - Throws: ``TokenizerError``.
  public init(json: JSONValue, configuration: JSONValue? = nil) throws(TokenizerError) {
    let file = TokenizerField(json, at: "")
    var parts = try TokenizerParts(model: try file.require("model"), decoder: try TokenDecoder(file["decoder"]))
    parts.normalizers = try file["normalizer"].map(Normalizer.steps) ?? []
    parts.preTokenizers = try file["pre_tokenizer"].map(PreTokenizer.steps) ?? []
    for field in try file["added_tokens"]?.elements() ?? [] { parts.added.append(try AddedToken(field)) }
    parts.postProcessor = try file["post_processor"].map(PostProcessor.init) ?? PostProcessor()
    try parts.configure(configuration)
    try self.init(parts)
  }

  private static func bytes(_ name: String, in files: ModelFiles) throws(TokenizerError) -> [UInt8]? {
    do { return try files.bytes(name) } catch { throw .file(name, reason: error.description) }
  }

  private static func document(_ name: String, in files: ModelFiles) throws(TokenizerError) -> JSONValue? {
    guard let bytes = try bytes(name, in: files) else { return nil }
    do {
      return try JSONValue(parsing: bytes, options: .vocabulary)
    } catch {
      throw .file(name, reason: error.description)
    }
  }
}

extension TokenizerParts {
  /// Reads the member `model` of a `tokenizer.json`.
  fileprivate init(model field: TokenizerField, decoder: TokenDecoder) throws(TokenizerError) {
    // Files written before the member `type` existed are byte-pair models.
    switch try field["type"]?.string() ?? "BPE" {
    case "BPE":
      let model = try BytePairModel(field)
      self.init(model: .bytePair(model), spellings: model.pieces, decoder: decoder)
    case "Unigram":
      var spellings = Vocabulary()
      let model = try UnigramModel(field, spellings: &spellings)
      self.init(model: .unigram(model), spellings: spellings, decoder: decoder)
    case let type: throw field.unsupported("the model \(type)")
    }
  }
}
