public import Foundation
public import InferCore
public import InferText

/// A model with everything that is needed to serve it.
public struct LoadedModel: Sendable {
  /// The name clients ask for: that of its folder or file.
  public let name: String
  /// The weights, ready to run.
  public package(set) var model: any LanguageModel
  /// `tokenizer.json`, where there is one.
  public let tokenizer: Tokenizer?
  /// The model's chat templates, where it has any: probed, and told the names of the tokenizer's special tokens.
  public package(set) var chatTemplate: ChatTemplate?
  /// The recommendations of `generation_config.json`.
  public let generation: GenerationDefaults
  /// The recommendations for embeddings.
  public let embedding: EmbeddingDefaults
  /// The scorer of documents that its files describe; `nil` where they describe none.
  public let scorer: RelevanceScorer?
  /// A summary of the loaded model, for people.
  public let summary: ModelSummary
  /// The constraints that its answers were asked to keep; `nil` without a tokenizer.
  package let constraints: ConstraintCache?

  /// The marks of reasoning and of tool calls in its answers, as far as the chat template shows them.
  public var outputFormat: OutputFormat { OutputFormat(template: chatTemplate?.allSources ?? "") }
}

/// Options of loading a model.
public struct LoadOptions: Sendable {
  /// Read the configuration from here instead of the folder's `config.json`.
  public var configuration: URL?
  /// Takes the place of the model's own chat templates.
  public var chatTemplate: ChatTemplate?
  /// Families from elsewhere, which read configurations before those of this package.
  public var families: [any ModelFamily.Type] = []
  /// Accept tensors that the family does not know, and list them in ``ModelSummary/unreadTensors``.
  public var allowsUnreadTensors = false
  /// Refuse configuration keys that the family does not know, instead of listing them as warnings.
  public var refusesUnknownKeys = false
  /// Quantise the weights while loading; by default they stay as they are stored.
  public var quantization: Quantization?
  /// Low-rank adapters that requests may choose by their names, each for itself.
  public var adapters: [Adapter] = []
  /// Low-rank adapters that are added to the weights, before these are quantised.
  public var mergedAdapters: [Adapter] = []
  /// Without this, the model is checked and described, but computes nothing: its matrices are not read.
  package var readsMatrices = true
  /// The part of the model that is computed here; other ranks compute the rest.
  package var share = ModelShare.whole
  /// The sums of the inputs of matrices, which are told of each matrix; `nil` where nobody asks for them.
  package var inputs: InputSums?
  /// A closure that says whether loading is to end, asked before each tensor and about a megabyte of one, on any thread;
  /// `nil` for never.
  public var isCancelled: (@Sendable () -> Bool)?
  /// Threads to quantise and pack with.
  public var threads = defaultThreadCount()
  /// A closure that is called after each tensor with the progress of loading, on the thread that loads.
  public var progress: (@Sendable (LoadProgress) -> Void)?

  /// The folder's own configuration; unknown tensors are errors, unknown keys warnings.
  public init() {}
}

/// Loads a model: a folder with `config.json`, `model.safetensors` or its shards, and, where present,
/// `tokenizer.json`, `tokenizer_config.json`, `chat_template.jinja` and `generation_config.json`; or a GGUF file that
/// carries the same.
///
/// Files are mapped. Every matrix that is multiplied with is read once and packed into memory of its own, in its format or
/// in that of ``LoadOptions/quantization``; loading takes time and memory in proportion to that. Tables that are only
/// looked up stay in the file unless they are quantised, and so do matrices of a file that
/// ``quantizeModel(at:to:_:inPanels:options:)`` packed for this machine's instruction set.
///
/// - Throws: `ModelError` that names the file, the key or the tensor.
public func loadModel(at url: URL, options: LoadOptions = LoadOptions()) throws(ModelError) -> LoadedModel {
  let source = try ModelSource(url)
  return try LoadedModel(source, ReadModel(source, options), options)
}

extension LoadedModel {
  /// A model that is read, with its texts.
  ///
  /// - Throws: `ModelError` that names the file of a text.
  init(_ source: ModelSource, _ read: ReadModel, _ options: LoadOptions) throws(ModelError) {
    let text = try ModelText(source.files, chatTemplate: options.chatTemplate)
    var generation = try GenerationDefaults(source, read.configuration, vocabularySize: read.model.vocabularySize)
    generation.addEndTokens(of: text, vocabularySize: read.model.vocabularySize)
    let format = OutputFormat(template: text.chatTemplate?.allSources ?? "")
    self.init(
      name: source.name, model: read.model, tokenizer: text.tokenizer, chatTemplate: text.chatTemplate,
      generation: generation, embedding: try EmbeddingDefaults(source),
      scorer: try options.readsMatrices ? RelevanceScorer(source, read, text) : nil,
      summary: ModelSummary(read, source, generation), constraints: text.tokenizer.map { ConstraintCache($0, format) })
  }
}

/// Reads what a model's files say of it, without its weights and without its texts: it computes nothing, and takes no memory
/// but address space.
///
/// - Parameter options: As those that the model would be loaded with; the formats that they quantise to are those of the
///   summary.
/// - Throws: `ModelError` as ``loadModel(at:options:)`` does, but not for what only texts and weights' numbers tell.
package func describeModel(
  at url: URL, options: LoadOptions = LoadOptions()
) throws(ModelError) -> (model: any LanguageModel, summary: ModelSummary) {
  var options = options
  options.readsMatrices = false
  options.allowsUnreadTensors = true
  options.threads = 1
  let source = try ModelSource(url)
  let read = try ReadModel(source, options)
  let generation = try GenerationDefaults(source, read.configuration, vocabularySize: read.model.vocabularySize)
  return (read.model, ModelSummary(read, source, generation))
}

/// A model whose configuration and weights are read and checked.
struct ReadModel {
  /// The model's own configuration, or the one that the user gives.
  let configuration: Configuration
  /// `model_type` of the configuration.
  let familyName: String
  /// The family, with the values of the configuration, checked.
  let family: any ModelFamily
  let model: HybridModel
  let weights: WeightScope
  /// The importance of the columns of its tensors, as far as it is quantised with any.
  let importance: TextDictionary<ColumnImportance>
  /// The direction of the checkpoint's classifier; `nil` where it has none.
  let classifier: [Float]?
  /// Tensors that are no part of the model.
  let unreadTensors: [String]
  /// Keys of the configuration that nothing reads.
  let unreadKeys: [String]

  /// The values of the configuration, under the keys of `config.json`.
  var config: JSONValue { configuration.values }

  init(_ source: ModelSource, _ options: LoadOptions) throws(ModelError) {
    configuration =
      if let file = options.configuration {
        try Configuration(JSONValue(file: file), file: file)
      } else { try source.configuration() }
    let reader = ConfigReader(configuration)
    var layout = try QuantizedCheckpoints.layout(configuration, reader)
    reader.ignore(RelevanceScorer.keys)
    let family = try Families.family(for: reader, of: options.families)
    var stored = try source.checkpoint()
    // GGUF files hold what the quantised model that they were made of was read as.
    if source.description == nil {
      if layout == nil { layout = try QuantizedCheckpoints.layout(beside: source.files.url, reader) }
      if layout == nil, MicroscaledLayout.isOf(stored) { layout = MicroscaledLayout() }
      if let layout { stored = try stored.joining(layout) } else { try QuantizedCheckpoints.check(stored) }
    }
    var checkpoint = stored.withModelPrefix
    let target = AdapterTarget(
      checkpoint: checkpoint, family: family, isForeign: source.description?.isForeign ?? false)
    var identity = configuration.values.serialized()
    var merged: [AdapterWeights] = []
    for adapter in options.mergedAdapters {
      let read = try AdapterWeights(adapter, for: target)
      merged.append(read)
      checkpoint = try checkpoint.adding(read)
      identity += " + \(read.hash.hexadecimal)"
    }
    var adapters: [AdapterWeights] = []
    for adapter in options.adapters {
      guard !adapters.contains(where: { $0.adapter.name.isExactly(adapter.name) }) else {
        throw .unsuitable("two adapters have the name \(adapter.name)")
      }
      adapters.append(try AdapterWeights(adapter, for: target))
    }
    let importance = options.quantization?.importance.map {
      FileNames(family).importance($0, of: checkpoint.tensors.values)
    }
    self.importance = importance ?? [:]
    weights = try WeightScope(
      checkpoint,
      plan: options.quantization.map {
        QuantizationPlan($0, names: checkpoint.tensors.keys, importance: importance ?? [:])
      },
      readsMatrices: options.readsMatrices, share: options.share, adapters: adapters.map(\.pairs),
      inputs: options.inputs, threads: options.threads, progress: options.progress, isCancelled: options.isCancelled)
    var model = try HybridModel(
      family, weights, mayLackHead: stored.lacksPrefix || source.namesNoHead(configuration))
    // It samples all tensors, and is of use to those alone who keep what the model computes.
    if options.readsMatrices {
      model.fingerprint = ModelFingerprint(configuration: identity, tensors: weights.loaded)
    }
    model.mappedWeightBytes = weights.mappedBytes
    for adapter in merged { try adapter.check(read: weights.loaded.map(\.tensor.name)) }
    for (index, adapter) in adapters.enumerated() {
      try adapter.check(unadapted: weights.unadapted(index))
      model.adapters.append(ModelAdapter(name: adapter.adapter.name, hash: adapter.hash))
    }
    self.model = model
    self.family = family
    classifier = try weights.classifier(width: family.frame.width, source.description)
    familyName = configuration["model_type"]?.string ?? ""
    unreadTensors = weights.unread
    if let first = unreadTensors.first, !options.allowsUnreadTensors {
      throw .tensor(name: first, reason: "is not part of the model (\(unreadTensors.count) such tensors)")
    }
    unreadKeys = reader.unread
    if let key = unreadKeys.first, options.refusesUnknownKeys {
      throw .configuration(
        at: configuration.file, key: key, reason: "is not known, and unknown keys are refused")
    }
  }
}

extension Checkpoint {
  /// `true` if it was saved without what is around the layers, as those of embedding models are: names are not under `model.`.
  fileprivate var lacksPrefix: Bool { tensors.contains(key: "embed_tokens.weight") }

  /// This checkpoint, with names under `model.`.
  fileprivate var withModelPrefix: Checkpoint {
    guard lacksPrefix else { return self }
    let renamed = tensors.values.map { $0.renamed("model.\($0.name)") }
    return Checkpoint(TextDictionary(uniqueKeysWithValues: renamed.map { ($0.name, $0) }))
  }
}

extension ModelSource {
  /// `true` where the files say that the model is one for embeddings, whatever else the configuration is: by a class without
  /// a head, or by modules of sentence-transformers. GGUF files are written of models that were read already.
  fileprivate func namesNoHead(_ configuration: Configuration) -> Bool {
    let classes = (configuration["architectures"]?.array ?? []).compactMap(\.string)
    let isBare = !classes.isEmpty && classes.allSatisfy { $0.hasExactSuffix("Model") }
    return isBare || description != nil || files.has(EmbeddingDefaults.modulesFile)
  }
}
