internal import InferCore

/// How llama.cpp's files of an architecture say what a family reads: names of configuration keys, names of tensors, and
/// what was done to their numbers. A dialect is tables; a file read through it is like any other checkpoint of the
/// family.
protocol Dialect: Sendable {
  /// The family that reads its files.
  static var family: any ModelFamily.Type { get }
  /// Values of `general.architecture`; the first is the one to write.
  static var architectures: [String] { get }
  /// Configuration keys that differ in name only.
  static var fields: [DialectField] { get }

  /// Completes the configuration with what ``fields`` cannot say, `model_type` first of all.
  ///
  /// - Parameters:
  ///   - file: the file's metadata and tensors.
  ///   - config: what ``fields`` made of it.
  static func complete(_ config: inout JSONValue, from file: GGUFDescription) throws(ModelError)

  /// Of which keys ``complete(_:from:)`` makes what, for errors: by the name of what is made.
  static var completed: [String: [String]] { get }

  /// How the tensors of a model of this configuration are named and laid out.
  static func rules(_ config: ConfigReader) throws(ModelError) -> [TensorRule]
}

/// A key of a GGUF file's metadata, behind the architecture's prefix, and of `config.json`.
struct DialectField: Sendable {
  /// What the value is.
  enum Kind: Sendable { case count, number, flag }

  let key: String
  let name: String
  let kind: Kind
  /// Whether the family has a value for files that lack it.
  let isOptional: Bool

  static func count(_ key: String, _ name: String, optional: Bool = false) -> DialectField {
    DialectField(key: key, name: name, kind: .count, isOptional: optional)
  }

  static func number(_ key: String, _ name: String, optional: Bool = false) -> DialectField {
    DialectField(key: key, name: name, kind: .number, isOptional: optional)
  }

  static func flag(_ key: String, _ name: String, optional: Bool = false) -> DialectField {
    DialectField(key: key, name: name, kind: .flag, isOptional: optional)
  }

  /// What nearly all architectures have.
  static func frame(epsilon: String = "rms_norm_eps") -> [DialectField] {
    [
      .count("embedding_length", "hidden_size"), .count("context_length", "max_position_embeddings"),
      .number("attention.layer_norm_rms_epsilon", epsilon),
    ]
  }
  /// Granite's factors.
  static let granite: [DialectField] = [
    .number("embedding_scale", "embedding_multiplier", optional: true),
    .number("logit_scale", "logits_scaling", optional: true),
    .number("residual_scale", "residual_multiplier", optional: true),
  ]
  /// Mamba-2 layers, under the names of Granite.
  static let mamba: [DialectField] = [
    .count("ssm.conv_kernel", "mamba_d_conv", optional: true),
    .count("ssm.state_size", "mamba_d_state", optional: true),
    .count("ssm.time_step_rank", "mamba_n_heads", optional: true),
    .count("ssm.group_count", "mamba_n_groups", optional: true),
  ]

  func read(_ file: GGUFDescription) throws(ModelError) -> JSONValue? {
    if isOptional && !file.has(key) { return nil }
    return switch kind {
    case .count: .integer(try file.count(key))
    case .number: .number(try file.number(key))
    case .flag: .bool(try file.flag(key))
    }
  }
}

/// Every known dialect.
enum Dialects {
  static let all: [any Dialect.Type] = [
    LlamaDialect.self, Qwen3Dialect.self, GraniteHybridDialect.self, HunyuanDialect.self, HyV3Dialect.self,
    NemotronDialect.self, MambaDialect.self, JambaDialect.self, FalconH1Dialect.self, Lfm2Dialect.self,
    Qwen3NextDialect.self, DeepSeekDialect.self,
  ]

  /// The dialect of a file.
  ///
  /// - Throws: `ModelError` that names the architecture and those that are known.
  static func dialect(of file: GGUFDescription) throws(ModelError) -> any Dialect.Type {
    guard let dialect = all.first(where: { $0.architectures.contains(file.architecture) }) else {
      let known = all.flatMap { $0.architectures }.sorted().joined(separator: ", ")
      throw .malformed(
        path: file.path,
        reason: "its architecture \"\(file.architecture)\" is not supported, expected one of \(known)")
    }
    return dialect
  }
}

extension Dialect {
  /// The `config.json` that says what the file does.
  static func configuration(_ file: GGUFDescription) throws(ModelError) -> JSONValue {
    var config: JSONValue = [:]
    for field in fields {
      if let value = try field.read(file) { config[field.name] = value }
    }
    let layers = try file.count("block_count")
    let ahead = try file.count("nextn_predict_layers", default: 0)
    guard layers > ahead, layers <= ConfigReader.largestSize else {
      throw file.wrong("block_count", "\(layers)", "a count of layers, \(ahead) of which predict further tokens")
    }
    config["num_hidden_layers"] = .integer(layers - ahead)
    config["vocab_size"] = .integer(try file.shape(of: "token_embd.weight", dimensions: 2)[0])
    config["tie_word_embeddings"] = .bool(file.tensors["output.weight"] == nil)
    try complete(&config, from: file)
    return config
  }

  /// The file's tensors under the names that the family reads, and as it reads them. Tensors of unknown names keep
  /// them, so that the family refuses them.
  static func checkpoint(_ file: GGUFDescription, config: JSONValue) throws(ModelError) -> Checkpoint {
    let reader = try ConfigReader(config)
    let layers = try reader.size("num_hidden_layers")
    // Every layer has tensors: a count beyond theirs is a mistake, or meant to cost memory.
    guard layers <= file.tensors.count else {
      throw file.wrong("block_count", "\(layers)", "at most as many layers as there are tensors, \(file.tensors.count)")
    }
    let last = try file.count("block_count", default: layers)
    var left = file.tensors
    var tensors: [String: Tensor] = [:]
    for rule in try rules(reader).expanded(layers: layers) {
      let parts = rule.file.compactMap { left[$0] }
      guard parts.count == rule.file.count else { continue }
      for tensor in try rule.read(parts) { tensors[tensor.name] = tensor }
      for part in parts { left[part.name] = nil }
    }
    for (name, tensor) in left
    where !isAhead(name, of: layers, last: last) && !GGUFDescription.configuring.contains(name) {
      tensors[name] = tensor
    }
    return Checkpoint(tensors)
  }

  /// Whether a tensor is of a layer behind those of the model: the rest up to `last` predict tokens further ahead and are
  /// not used.
  private static func isAhead(_ name: String, of layers: Int, last: Int) -> Bool {
    let parts = name.split(separator: ".", maxSplits: 2)
    guard parts.count > 1, parts[0] == "blk", let layer = Int(parts[1]) else { return false }
    return layer >= layers && layer < last
  }
}
