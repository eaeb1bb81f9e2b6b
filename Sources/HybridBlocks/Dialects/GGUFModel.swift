internal import InferCore
internal import InferText

/// A GGUF file as a model: of this project, with the model's small files as they were and tensors under the names that
/// families read, or of llama.cpp, through the dialect of its architecture. A file may be both.
struct GGUFModel: Sendable {
  /// Configuration, tokenizer and chat template, as far as the file carries copies of them, and the vocabulary and the
  /// chat templates of its metadata.
  let files: ModelFiles
  /// Metadata that describe the vocabulary, by key.
  var vocabularyMetadata: [(key: String, value: GGUFValue)] {
    description.metadata.filter { $0.key.hasExactPrefix("tokenizer.") }.sorted { $0.key < $1.key }
  }

  let description: GGUFDescription
  /// The dialect that the file is read through; `nil` for a file of this project.
  let dialect: (any Dialect.Type)?
  /// The number of tensors in the file.
  let tensorCount: Int
  /// The configuration that the metadata describe, of a file without a copy of `config.json`.
  private let translation: Configuration?
  /// The tokens that end an answer, as the metadata tell.
  let endTokens: [Int32]

  /// - Throws: `ModelError` when the file is malformed, or of an architecture that is not known.
  init(_ mapped: MappedFile) throws(ModelError) {
    let gguf = try GGUF(withParts: mapped)
    tensorCount = gguf.tensors.count
    var description = try GGUFDescription(gguf)
    var texts = ModelFiles.embedded(in: gguf)
    let vocabulary =
      try texts["tokenizer.json"] == nil ? GGUFVocabulary(metadata: gguf.metadata, file: gguf.url) : nil
    if let vocabulary { Self.addTemplates(of: vocabulary, to: &texts) }
    endTokens = vocabulary?.endTokens ?? []
    if description.isForeign {
      let config = try ModelFiles.embedded(texts, in: gguf.url).document("config.json")
      let dialect = try Dialects.dialect(of: description, config: config)
      self.dialect = dialect
      try description.separateProjections()
      translation = try config == nil ? dialect.configuration(description) : nil
    } else {
      dialect = nil
      translation = nil
      guard texts["config.json"] != nil else {
        throw .malformed(
          at: gguf.url,
          reason: "its architecture is \"\(description.architecture)\", and it holds neither a configuration under "
            + "\(ModelFiles.metadataPrefix)config.json nor a tensor token_embd.weight")
      }
    }
    self.description = description
    files = .embedded(texts, vocabulary: vocabulary?.tokens, in: gguf.url)
  }

  /// Chat templates of the metadata become files, where the file carries no copies of those.
  private static func addTemplates(of vocabulary: GGUFVocabulary, to texts: inout [String: String]) {
    texts["chat_template.jinja"] = texts["chat_template.jinja"] ?? vocabulary.chatTemplate
    for (name, template) in vocabulary.namedTemplates {
      let file = ChatTemplate.file(of: name)
      texts[file] = texts[file] ?? template
    }
  }

  /// The configuration: the file's copy, or the translation of its metadata.
  ///
  /// - Throws: `ModelError` when the copy is malformed.
  func configuration() throws(ModelError) -> Configuration? {
    if let translation { return translation }
    return try files.document("config.json").map { json throws(ModelError) in
      try Configuration(json, file: files.url(of: "config.json"))
    }
  }

  /// The tensors, under the names that families read.
  ///
  /// - Throws: `ModelError` when a tensor has no shape that its name promises.
  func checkpoint() throws(ModelError) -> Checkpoint {
    guard let dialect, let config = try configuration() else { return Checkpoint(description.tensors) }
    return try dialect.checkpoint(description, config: config)
  }
}
