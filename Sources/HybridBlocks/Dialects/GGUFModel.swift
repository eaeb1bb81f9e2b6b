internal import InferCore
internal import InferText

/// A GGUF file as a model: of this project, with the model's small files as they were and tensors under the names that
/// families read, or of llama.cpp, through the dialect of its architecture. A file may be both.
struct GGUFModel: Sendable {
  /// Configuration, tokenizer and chat template: the file's own copies, and translations of the rest.
  let files: ModelFiles
  /// Metadata that describe the vocabulary, by key.
  var vocabularyMetadata: [(key: String, value: GGUFValue)] {
    description.metadata.filter { $0.key.hasExactPrefix("tokenizer.") }.sorted { $0.key < $1.key }
  }

  let description: GGUFDescription
  /// Through which it is read, where it has llama.cpp's names.
  let dialect: (any Dialect.Type)?
  /// How many tensors the file holds.
  let tensorCount: Int
  /// Whether the configuration is made of the metadata.
  let isTranslated: Bool

  /// - Throws: `ModelError` when the file is malformed, or of an architecture that is not known.
  init(_ mapped: MappedFile) throws(ModelError) {
    let gguf = try GGUF(withParts: mapped)
    tensorCount = gguf.tensors.count
    var description = try GGUFDescription(gguf)
    var texts = ModelFiles.embedded(in: gguf)
    let vocabulary = try texts["tokenizer.json"] == nil ? Self.text(of: gguf, into: &texts) : nil
    if description.isForeign {
      let config = try ModelFiles.embedded(texts, path: gguf.path).document("config.json")
      let dialect = try Dialects.dialect(of: description, config: config)
      self.dialect = dialect
      try description.separateProjections()
      isTranslated = config == nil
      if isTranslated {
        texts["config.json"] = try dialect.configuration(description).serialized(.pretty)
      }
    } else {
      dialect = nil
      isTranslated = false
      guard texts["config.json"] != nil else {
        throw .malformed(
          path: gguf.path,
          reason: "its architecture is \"\(description.architecture)\", and it holds neither a configuration under "
            + "\(ModelFiles.metadataPrefix)config.json nor a tensor token_embd.weight")
      }
    }
    self.description = description
    files = .embedded(texts, vocabulary: vocabulary, path: gguf.path)
  }

  /// The vocabulary; chat template and end tokens become files of their own.
  private static func text(of file: GGUF, into texts: inout [String: String]) throws(ModelError) -> TokenList? {
    let vocabulary = try GGUFVocabulary(metadata: file.metadata, path: file.path)
    texts["chat_template.jinja"] = texts["chat_template.jinja"] ?? vocabulary.chatTemplate
    for (name, template) in vocabulary.namedTemplates {
      let file = ChatTemplate.file(of: name)
      texts[file] = texts[file] ?? template
    }
    if !vocabulary.endTokens.isEmpty && texts["generation_config.json"] == nil {
      let ends = vocabulary.endTokens.map { JSONValue.integer(Int($0)) }
      texts["generation_config.json"] = (["eos_token_id": .array(ends)] as JSONValue).serialized()
    }
    return vocabulary.tokens
  }

  /// The tensors, under the names that families read.
  ///
  /// - Throws: `ModelError` when a tensor has no shape that its name promises.
  func checkpoint() throws(ModelError) -> Checkpoint {
    guard let dialect, let config = try files.document("config.json") else { return Checkpoint(description.tensors) }
    return try dialect.checkpoint(description, config: config)
  }
}
