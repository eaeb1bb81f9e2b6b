internal import Foundation
internal import InferCore
internal import InferText

/// A folder in which peft saved a low-rank adapter.
struct PeftAdapter: AdapterFiles {
  /// The name of the tensors' file.
  static let tensorsName = "adapter_model.safetensors"

  private let configuration: PeftConfiguration
  /// The tensors' file.
  private let url: URL
  private let tensors: TextDictionary<Tensor>

  /// - Throws: `ModelError` when a file is missing or malformed, or when the adapter is of a kind that is not
  ///   supported.
  init(_ folder: URL) throws(ModelError) {
    configuration = try PeftConfiguration(folder.appending(path: "adapter_config.json"))
    url = folder.appending(path: Self.tensorsName)
    let pickle = folder.appending(path: "adapter_model.bin")
    let (isThere, isPickled) = (
      FileManager.default.fileExists(atPath: url.path), FileManager.default.fileExists(atPath: pickle.path)
    )
    guard isThere || !isPickled else {
      throw .unreadable(at: pickle, reason: "is a pickle, which is not read; expected \(Self.tensorsName)")
    }
    tensors = try Checkpoint(files: [MappedFile(at: url)]).tensors
  }

  func modules(of target: AdapterTarget) throws(ModelError) -> [AdapterModule] {
    var modules: [AdapterModule] = []
    for name in tensors.keys.sorted() {
      guard let tensor = tensors[name], try !isCopy(tensor, of: target) else { continue }
      let halves = [".lora_A.weight", ".lora_B.weight"]
      guard let half = halves.firstIndex(where: { name.hasExactSuffix($0) }),
        let stem = name.removing(exactSuffix: halves[half])
      else {
        throw .tensor(
          name: name,
          reason: "of \(url.displayPath) is not supported, expected pairs lora_A and lora_B of linear layers alone")
      }
      guard let other = tensors[stem + halves[1 - half]] else {
        throw .tensor(
          name: stem + halves[1 - half], reason: "is missing from \(url.displayPath), expected beside \(name)")
      }
      guard half == 0 else { continue }
      let module = Self.module(stem)
      guard let weight = target.weight(ofModule: module) else { throw target.unknown(tensor, module, url) }
      guard !target.isForeign || !target.isScaled(weight.name) else {
        throw .tensor(
          name: name,
          reason:
            "of \(url.displayPath) is for \(module), whose factor is in the weights of llama.cpp's file; expected "
            + "the model in safetensors, or the adapter in GGUF")
      }
      let scale = try configuration.scale(of: module, rank: tensor.shape.first ?? 0)
      modules.append(AdapterModule(weight: weight, a: tensor, b: other, scale: scale))
    }
    return modules
  }

  /// Whether a tensor is a module's own weights, which peft saves beside those of a head.
  ///
  /// - Throws: `ModelError` when the model's are of another shape.
  private func isCopy(_ tensor: Tensor, of target: AdapterTarget) throws(ModelError) -> Bool {
    guard let stem = tensor.name.removing(exactSuffix: ".base_layer.weight") else { return false }
    let module = Self.module(stem)
    guard let weight = target.weight(ofModule: module) else { throw target.unknown(tensor, module, url) }
    guard weight.shape == tensor.shape else {
      throw .tensor(
        name: tensor.name,
        reason:
          "of \(url.displayPath) is \(tensor.shape), and \(weight.name) of the model is \(weight.shape): it is an "
          + "adapter of another model")
    }
    return true
  }

  /// The name that transformers has for a module.
  private static func module(_ stem: String) -> String { stem.removing(exactPrefix: "base_model.model.") ?? stem }
}

/// `adapter_config.json`: how large what an adapter adds is, and that nothing but pairs of matrices is needed for it.
private struct PeftConfiguration {
  private let rank: Int
  private let alpha: Double
  private let ranks: [(pattern: NamePattern, value: Int)]
  private let alphas: [(pattern: NamePattern, value: Double)]
  private let isRankStable: Bool
  private let reader: ConfigReader

  /// Keys that are about training and about where an adapter goes, which its tensors tell.
  private static let known = [
    "auto_mapping", "base_model_name_or_path", "ensure_weight_tying", "eva_config", "exclude_modules", "inference_mode",
    "layers_pattern", "layers_to_transform", "loftq_config", "lora_dropout", "lora_ga_config", "megatron_config",
    "megatron_core", "peft_version", "qalora_group_size", "revision", "runtime_config", "target_modules", "task_type",
  ]

  /// Ways in which matrices are begun with that leave the model's own as they are.
  private static let beginnings = ["gaussian", "eva", "orthogonal"]

  init(_ file: URL) throws(ModelError) {
    let values = try JSONValue(file: file)
    reader = try ConfigReader(values, file: file)
    let kind = try reader.string("peft_type")
    try reader.require(kind == "LORA", "peft_type", "is \"\(kind)\", which is not supported, expected \"LORA\"")
    let bias = try reader.string("bias", default: "none")
    try reader.require(bias == "none", "bias", "is \"\(bias)\", which is not supported, expected \"none\"")
    if case .string(let beginning)? = values["init_lora_weights"] {
      try reader.require(
        Self.beginnings.contains { beginning.isExactly($0) }, "init_lora_weights",
        "is \"\(beginning)\", which changes the model's own weights and is not supported; expected an adapter that "
          + "peft converted with path_initial_model_for_weight_conversion")
    }
    reader.ignore(Self.known + ["init_lora_weights"])
    rank = try reader.size("r")
    alpha = Double(try reader.number("lora_alpha"))
    isRankStable = try reader.flag("use_rslora", default: false)
    ranks = try Self.patterns(values, reader, "rank_pattern") { config, key throws(ModelError) in try config.size(key) }
    alphas = try Self.patterns(values, reader, "alpha_pattern") { config, key throws(ModelError) in
      Double(try config.number(key))
    }
    for key in reader.unread {
      guard let value = values[key], !value.saysNothing else { continue }
      throw reader.wrong(
        key, because: "is \(value.serialized().prefix(80)), which is not supported, expected an adapter without it")
    }
  }

  /// The values of names that end as a key says, which is a pattern.
  private static func patterns<Value>(
    _ values: JSONValue, _ reader: ConfigReader, _ key: String,
    _ read: (ConfigReader, String) throws(ModelError) -> Value
  ) throws(ModelError) -> [(pattern: NamePattern, value: Value)] {
    guard let object = try reader.object(key), let members = values[key]?.object else { return [] }
    var patterns: [(pattern: NamePattern, value: Value)] = []
    for name in members.keys {
      let value = try read(object, name)
      do throws(TokenizerError) { patterns.append((try NamePattern("(?:.*\\.)?(?:\(name))$"), value)) } catch {
        throw reader.wrong(key, because: "has \(name.prefix(80)), which is no pattern of names: \(error)")
      }
    }
    return patterns
  }

  /// The factor of a module's product.
  func scale(of module: String, rank found: Int) throws(ModelError) -> Float {
    let rank = ranks.first { $0.pattern.matches(module) }?.value ?? rank
    try reader.require(found == rank, "r", "is \(rank) for \(module), whose matrices have rank \(found)")
    let alpha = alphas.first { $0.pattern.matches(module) }?.value ?? alpha
    return Float(isRankStable ? alpha / Double(rank).squareRoot() : alpha / Double(rank))
  }
}

extension JSONValue {
  /// Whether a value asks for nothing: null, false, or an empty list or object.
  fileprivate var saysNothing: Bool {
    switch self {
    case .null, .bool(false): true
    case .array(let values): values.isEmpty
    case .object(let members): members.isEmpty
    default: false
    }
  }
}
