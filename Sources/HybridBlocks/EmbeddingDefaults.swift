public import InferCore
import InferText

/// The recommendations of a model's makers for embeddings: sentence-transformers' `modules.json`, and the configuration of
/// pooling that it names.
public struct EmbeddingDefaults: Sendable, Equatable {
  /// The way of pooling; `nil` where there is an obstacle.
  public var pooling: Pooling? = .last
  /// `true` when vectors are divided by their lengths.
  public var normalizes = true
  /// The reason for which no embeddings are those that the model's makers mean; `nil` where there is none.
  public private(set) var obstacle: String?

  /// The last token's hidden state, normalised.
  public init() {}

  /// Reads the files, where there are any.
  ///
  /// - Throws: `ModelError` when a file cannot be read or is no JSON.
  init(_ files: ModelFiles) throws(ModelError) {
    guard let modules = try files.document(Self.modulesFile)?.array else { return }
    pooling = nil
    normalizes = false
    for module in modules {
      let type = module["type"]?.string ?? ""
      switch type.split(separator: ".").last {
      case "Transformer": break
      case "Normalize": normalizes = true
      case "Pooling":
        let name = "\(module["path"]?.string ?? "")/config.json"
        // Names of files are the maker's to choose, places outside the model's folder are not.
        guard name == Self.poolingFile, let config = try files.document(name) else {
          obstacle = "\(Self.modulesFile) tells of pooling that is not in \(Self.poolingFile)"
          break
        }
        pooling = Self.pooling(config)
        if pooling == nil { obstacle = "\(Self.poolingFile) wants another way of pooling than mean, cls or lasttoken" }
      default: obstacle = "\(Self.modulesFile) has a module of the type '\(type.prefix(100))'"
      }
    }
    if obstacle != nil { pooling = nil }
  }

  /// The files' names.
  static let modulesFile = "modules.json"
  static let poolingFile = "1_Pooling/config.json"

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
