public import Foundation
public import InferCore

/// A model with everything that is needed to serve it.
public struct LoadedModel: Sendable {
  /// The name clients ask for: that of its folder.
  public let name: String
  /// The weights, ready to run.
  public let model: any LanguageModel
  /// `tokenizer.json`, where there is one.
  public let tokenizer: Tokenizer?
  /// `chat_template.jinja`, or the template in `tokenizer_config.json`, where there is one.
  public let chatTemplate: ChatTemplate?
  /// What `generation_config.json` asks for.
  public let generation: GenerationDefaults
  /// What was loaded, for people.
  public let summary: ModelSummary
}

/// How strictly a model folder is read.
public struct LoadOptions: Sendable {
  /// Read the configuration from here instead of the folder's `config.json`.
  public var configuration: URL?
  /// Accept tensors that the family does not know, and list them in ``ModelSummary/unreadTensors``.
  public var allowsUnreadTensors = false
  /// Refuse configuration keys that the family does not know, instead of listing them as warnings.
  public var refusesUnknownKeys = false
  /// Quantise the weights while loading; by default they stay as they are stored.
  public var quantization: Quantization?
  /// Threads to quantise with.
  public var threads = availableProcessorCount()
  /// Is told after each tensor how far loading has come, on the thread that loads.
  public var progress: (@Sendable (LoadProgress) -> Void)?

  /// The folder's own configuration; unknown tensors are errors, unknown keys warnings.
  public init() {}
}

/// Loads a model folder: `config.json`, `model.safetensors` or its shards, and, where present, `tokenizer.json`,
/// `tokenizer_config.json`, `chat_template.jinja` and `generation_config.json`.
///
/// Weights are mapped; loading takes time in proportion to the number of tensors, not to their size. With
/// ``LoadOptions/quantization`` every weight is read once, and memory is needed for the quantised ones only.
///
/// - Throws: `ModelError` that names the file, the key or the tensor.
public func loadModel(at path: String, options: LoadOptions = LoadOptions()) throws(ModelError) -> LoadedModel {
  let folder = URL(filePath: path).standardizedFileURL
  let isFolder = (try? folder.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory
  guard isFolder == true else {
    let what = isFolder == nil ? "no such folder" : "is a file; give the folder it is in"
    throw .unreadable(path: path, reason: "\(what); expected one with config.json and model.safetensors")
  }
  let file = options.configuration ?? folder.appending(path: "config.json")
  let json = try JSONValue(file: file.path)
  let config = try ConfigReader(json)
  let family = try Families.family(for: config)
  let checkpoint = try Checkpoint(folder: folder)
  let weights = WeightScope(
    checkpoint, plan: options.quantization.map { QuantizationPlan($0, names: checkpoint.tensors.keys) },
    threads: options.threads, progress: options.progress)
  let model = try HybridModel(family, weights)
  let unread = weights.unread
  if let first = unread.first, !options.allowsUnreadTensors {
    throw .tensor(name: first, reason: "is not part of the model (\(unread.count) such tensors)")
  }
  if let key = config.unread.first, options.refusesUnknownKeys {
    throw .configuration(key: key, reason: "is not known, and unknown keys are refused")
  }
  let text = try TextFiles(folder: folder)
  let generation = try GenerationDefaults(folder: folder, config: json)
  if let token = generation.endTokens.first(where: { $0 < 0 || $0 >= model.vocabularySize }) {
    throw .configuration(key: "eos_token_id", reason: "token \(token) is outside 0 ..< \(model.vocabularySize)")
  }
  return LoadedModel(
    name: folder.lastPathComponent, model: model, tokenizer: text.tokenizer, chatTemplate: text.template,
    generation: generation,
    summary: ModelSummary(
      family: json["model_type"]?.string ?? "", model: model, weights: weights, unreadTensors: unread,
      warnings: config.unread.map { "config.json: \($0) is not known and has no effect" }))
}

extension HybridModel {
  /// Reads a model of a family.
  init(_ family: any ModelFamily, _ weights: WeightScope) throws(ModelError) {
    let frame = family.frame
    let (rows, columns) = (frame.vocabularySize, frame.width)
    // A head of its own is multiplied with and packed, an embedding is only looked up and stays in the file. Tied
    // models sometimes store the head all the same.
    if frame.isTied { weights.discard("lm_head.weight") }
    let embedding: any RowTable
    let head: PackedMatrix
    if frame.isTied {
      head = try weights[frame.embedding].matrix("weight", rows: rows, columns: columns, role: .head)
      embedding = head
    } else {
      embedding = try weights[frame.embedding].table("weight", rows: rows, columns: columns, role: .embedding)
      head = try weights["lm_head"].matrix("weight", rows: rows, columns: columns, role: .head)
    }
    var state = StateLayout()
    let blocks = try family.blocks(weights, state: &state)
    self.init(
      embedding: embedding, embeddingScale: frame.embeddingScale, blocks: blocks,
      norm: try RMSNorm(weights[frame.norm], width: columns, epsilon: frame.epsilon),
      head: head,
      logitScale: frame.logitScale, contextLength: frame.contextLength, stateLayout: state)
  }
}

/// Tokenizer and chat template of a model folder, where it has them.
private struct TextFiles {
  var tokenizer: Tokenizer?
  var template: ChatTemplate?

  init(folder: URL) throws(ModelError) {
    if FileManager.default.fileExists(atPath: folder.appending(path: "tokenizer.json").path) {
      do { tokenizer = try Tokenizer(folder: folder) } catch {
        throw .malformed(path: folder.path, reason: "tokenizer: \(error)")
      }
    }
    do { template = try ChatTemplate.load(folder: folder) } catch {
      throw .malformed(path: folder.path, reason: "chat template: \(error)")
    }
  }
}
