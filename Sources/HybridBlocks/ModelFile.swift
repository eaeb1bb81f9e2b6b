internal import InferCore
internal import InferText

/// A model as one GGUF file: of llama.cpp's, with the model's small files beside its own metadata, or where that cannot
/// be or panels are asked for, with tensors under the names that families read.
struct ModelFile {
  let form: QuantizationResult.Form
  let metadata: [(key: String, value: GGUFValue)]
  /// The tensors, in the order of their sources on disk.
  let tensors: [FileTensor]
  /// Remarks for people.
  let remarks: [String]

  /// - Throws: `ModelError` when a small file cannot be read, or a tensor has no shape that its name promises.
  init(
    _ source: ModelSource, _ read: ReadModel, _ quantization: Quantization, inPanels: Bool, _ options: LoadOptions
  ) throws(ModelError) {
    let loaded = read.weights.loaded
    var described: [(key: String, value: GGUFValue)] = []
    // Its text is as it was where nothing about it is new.
    var config: JSONValue?
    if options.configuration != nil || !source.files.has("config.json") { config = read.config }
    let tensors: [FileTensor]
    // A file without a head is one of a tied model to llama.cpp. The configuration beside it tells what it is.
    var stated = read.config
    if !read.model.hasHead { stated["tie_word_embeddings"] = true }
    let outcome: DialectFile.Outcome
    if inPanels {
      outcome = .obstacle("its weights lie in panels, as \(InstructionSet.name) multiplies with them")
    } else if let own = loaded.first(where: { !$0.format.isShared })?.format {
      outcome = .obstacle("llama.cpp has no format \(own.name)")
    } else {
      outcome = try DialectFile.outcome(of: read.family, config: stated, loaded)
    }
    switch outcome {
    case .file(let file):
      form = .llamaCpp(architecture: file.architecture)
      described = file.metadata + [("general.file_type", .count(quantization.fileType))]
      if file.config != stated { config = file.config }
      tensors = file.tensors
    case .obstacle(let reason):
      form = .own(reason: reason)
      tensors = loaded.map {
        FileTensor(
          name: $0.tensor.name, shape: $0.tensor.shape, parts: [$0.tensor], format: $0.format,
          panels: inPanels && $0.isMultiplied ? .own($0.format) : nil, sourceBytes: $0.tensor.byteCount)
      }
    }
    let architecture = if case .llamaCpp(let architecture) = form { architecture } else { read.familyName }
    if let type = try EmbeddingDefaults(source).type {
      described.append(("\(architecture).\(EmbeddingDefaults.poolingKey)", .count(type)))
    }
    if let labels = source.description?.value(RelevanceScorer.labelsKey) {
      described.append(("\(architecture).\(RelevanceScorer.labelsKey)", labels))
    } else if form.isLlamaCpp, loaded.contains(where: { $0.tensor.name.isExactly(RelevanceScorer.headName) }) {
      described.append(("\(architecture).\(RelevanceScorer.labelsKey)", .array([.string("yes"), .string("no")])))
    }
    self.tensors = tensors.sorted { $0.parts[0].isBefore($1.parts[0]) }
    let vocabulary = try FileVocabulary(source, read, isForeign: form.isLlamaCpp)
    remarks = vocabulary.remarks
    metadata =
      try Self.general(architecture, source) + described + Self.files(of: source, config: config)
      + vocabulary.metadata
  }

  /// The metadata of every file.
  private static func general(
    _ architecture: String, _ source: ModelSource
  ) -> [(key: String, value: GGUFValue)] {
    [
      ("general.architecture", .string(architecture)), ("general.type", .string("model")),
      ("general.name", .string(source.name)), ("general.quantization_version", .unsigned(2)),
    ]
  }

  /// The small files of the model, each as it is.
  private static func files(
    of source: ModelSource, config: JSONValue?
  ) throws(ModelError) -> [(key: String, value: GGUFValue)] {
    var metadata: [(key: String, value: GGUFValue)] = []
    for name in source.files.allNames {
      var text = try source.files.contents(name)
      if name == "config.json", let config { text = config.serialized() }
      if let text { metadata.append((ModelFiles.metadataPrefix + name, .string(text))) }
    }
    return metadata
  }
}

/// A model's vocabulary, as metadata that llama.cpp reads.
private struct FileVocabulary {
  var metadata: [(key: String, value: GGUFValue)] = []
  var remarks: [String] = []

  /// - Parameter isForeign: whether llama.cpp reads the rest of the file.
  /// - Throws: `ModelError` when a file of the model's cannot be read.
  init(_ source: ModelSource, _ read: ReadModel, isForeign: Bool) throws(ModelError) {
    let given = source.vocabularyMetadata
    guard given.isEmpty || given.allSatisfy({ $0.key == "tokenizer.ggml.model" }) else {
      metadata = given
      return
    }
    // Who reads `tokenizer.json` needs no list.
    guard isForeign || !source.files.has("tokenizer.json") else { return }
    do throws(ModelError) {
      try describe(source, read)
    } catch {
      remarks.append("the file has no vocabulary for llama.cpp: \(error)")
    }
    if metadata.isEmpty && isForeign { metadata = [("tokenizer.ggml.model", .string("no_vocab"))] }
  }

  private mutating func describe(_ source: ModelSource, _ read: ReadModel) throws(ModelError) {
    let text = try ModelText(source.files)
    guard let tokenizer = text.tokenizer else { return }
    let size = read.model.vocabularySize
    let ends = try GenerationDefaults(source, read.configuration, vocabularySize: size).endTokens
    guard let list = TokenList(tokenizer, count: size, endTokens: ends.sorted()) else {
      remarks.append("the file has no vocabulary for llama.cpp, which has no name for how the tokenizer cuts texts")
      return
    }
    metadata = list.metadata
    let templates = text.chatTemplate?.sources ?? [:]
    let names = templates.keys.filter { !$0.isExactly(ChatTemplate.standardName) }
    if let template = templates[ChatTemplate.standardName] {
      metadata.append((GGUFVocabulary.templateKey, .string(template)))
    }
    for name in names { metadata.append(("\(GGUFVocabulary.templateKey).\(name)", .string(templates[name] ?? ""))) }
    if !names.isEmpty { metadata.append(("tokenizer.chat_templates", .array(names.map(GGUFValue.string)))) }
  }
}

extension Quantization {
  /// llama.cpp's number for such files, `general.file_type`.
  fileprivate var fileType: Int {
    if isMix { return 15 }
    let types = [
      "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K": 11, "Q4_K": 14,
      "Q5_K": 16, "Q6_K": 18, "IQ4_NL": 25, "IQ4_XS": 30, "BF16": 32, "TQ1_0": 36, "TQ2_0": 37, "MXFP4": 38,
      "NVFP4": 39, "IQ2_XXS": 19, "IQ2_XS": 20, "IQ3_XXS": 23, "IQ1_S": 24, "IQ3_S": 26, "IQ2_S": 28, "IQ1_M": 31,
    ]
    return types[format.name] ?? 0
  }
}
