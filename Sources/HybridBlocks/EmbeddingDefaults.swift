public import InferCore
import InferText

/// The recommendations of a model's makers for embeddings: sentence-transformers' `modules.json`, and the configuration of
/// pooling that it names; or without them the key `pooling_type` of a GGUF file.
public struct EmbeddingDefaults: Sendable, Equatable {
  /// The way of pooling; `nil` where there is an obstacle.
  public private(set) var pooling: Pooling? = .last
  /// `true` when vectors are divided by their lengths.
  public private(set) var normalizes = true
  /// The reason for which no embeddings are those that the model's makers mean; `nil` where there is none.
  public private(set) var obstacle: String?
  /// llama.cpp's number for the way of pooling that the files name; `nil` where they name none.
  public private(set) var type: Int?

  /// The last token's hidden state, normalised.
  public init() {}

  /// Reads the files, where there are any.
  ///
  /// - Throws: `ModelError` when a file cannot be read or is no JSON, or when a key is no number.
  init(_ source: ModelSource) throws(ModelError) {
    if let modules = try source.files.document(Self.modulesFile)?.array {
      try self.init(modules: modules, source.files)
    } else if let description = source.description {
      try self.init(description)
    } else {
      self.init()
    }
  }

  /// These recommendations with another way of pooling.
  public func with(_ pooling: Pooling) -> EmbeddingDefaults {
    var defaults = self
    defaults.pooling = pooling
    return defaults
  }

  private init(modules: [JSONValue], _ files: ModelFiles) throws(ModelError) {
    normalizes = false
    for module in modules {
      let type = module["type"]?.string ?? ""
      switch type.split(separator: ".").last {
      case "Transformer": break
      case "Normalize": normalizes = true
      case "Pooling":
        let name = "\(module["path"]?.string ?? "")/config.json"
        // Names of files are the maker's to choose, places outside the model's folder are not.
        guard name.isExactly(Self.poolingFile), let config = try files.document(name) else {
          obstacle = "\(Self.modulesFile) tells of pooling that is not in \(Self.poolingFile)"
          break
        }
        self.type = Self.pooling(config)?.type
        if self.type == nil {
          obstacle = "\(Self.poolingFile) wants another way of pooling than mean, cls or lasttoken"
        }
      default: obstacle = "\(Self.modulesFile) has a module of the type '\(type.prefix(100))'"
      }
    }
    if obstacle == nil, type == nil { obstacle = "\(Self.modulesFile) has no module that pools" }
    settle(Self.poolingFile)
  }

  private init(_ file: GGUFDescription) throws(ModelError) {
    if try !file.flag("attention.causal", default: true) {
      obstacle = "\(file.architecture).attention.causal is false, and tokens see none behind them here"
    }
    if file.has(Self.poolingKey) { type = try file.count(Self.poolingKey) }
    settle("\(file.architecture).\(Self.poolingKey)")
  }

  /// Takes the way of pooling from its number, which `place` has.
  private mutating func settle(_ place: String) {
    switch type {
    case nil: break
    case 1: pooling = .mean
    case 3: pooling = .last
    case 0: obstacle = obstacle ?? "\(place) wants none, a vector for each token"
    case 2: obstacle = obstacle ?? "\(place) wants cls, the first token's state, and that sees no other token here"
    case 4: obstacle = obstacle ?? "\(place) wants rank: the model scores texts and embeds none"
    case let type?: obstacle = obstacle ?? "\(place) is \(type), and no way of pooling has that number"
    }
    if obstacle != nil { pooling = nil }
  }

  /// The files' names.
  static let modulesFile = "modules.json"
  static let poolingFile = "1_Pooling/config.json"
  /// The key of a GGUF file, behind its architecture.
  static let poolingKey = "pooling_type"

  private static let modes: [(name: String, flag: String, pooling: Pooling)] = [
    ("mean", "pooling_mode_mean_tokens", .mean), ("lasttoken", "pooling_mode_lasttoken", .last),
    ("cls", "pooling_mode_cls_token", .cls),
  ]

  /// The only way of pooling that a configuration wants; `nil` for several, and for others.
  private static func pooling(_ config: JSONValue) -> Pooling? {
    if let mode = config["pooling_mode"]?.string { return modes.first { $0.name.isExactly(mode) }?.pooling }
    let wanted = (config.object ?? [:]).filter { $0.key.hasExactPrefix("pooling_mode_") && $0.value == true }
    guard wanted.count == 1, let flag = wanted.first?.key else { return nil }
    return modes.first { $0.flag.isExactly(flag) }?.pooling
  }
}

extension Pooling {
  /// llama.cpp's number for it.
  fileprivate var type: Int {
    switch self {
    case .mean: 1
    case .cls: 2
    case .last: 3
    }
  }
}
