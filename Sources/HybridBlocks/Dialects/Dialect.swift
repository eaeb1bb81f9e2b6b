internal import InferCore
internal import InferText

/// The form that a family's models have in llama.cpp's files of an architecture: names of configuration keys, names of
/// tensors, and changes to their numbers. A dialect is tables that work in both directions: a file read through it is like any
/// other checkpoint of the family, and a model of the family is written as such a file.
protocol Dialect: Sendable {
  /// The family whose files they are.
  associatedtype Family: ModelFamily
  /// Values of `general.architecture` that are read.
  static var architectures: [String] { get }
  /// Configuration keys that differ in name only.
  static var fields: [DialectField<Family>] { get }

  /// Completes the configuration with values that ``fields`` cannot describe, `model_type` first of all.
  ///
  /// - Parameters:
  ///   - file: the file's metadata and tensors.
  ///   - config: the configuration with the values of ``fields``.
  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError)

  /// The names and layouts of the tensors of a model. Of several rules for one tensor, the first whose names are there
  /// counts.
  static func rules(_ family: Family) -> [TensorRule]

  /// The value of `general.architecture` to write; `nil` for models of the family that have no such files.
  static func architecture(of family: Family) -> String?

  /// Adds metadata that ``fields`` cannot describe.
  static func describe(_ family: Family, in metadata: inout DialectMetadata)

  /// The feature of a model that llama.cpp does not compute although its files could describe it, for people; `nil` for
  /// none.
  static func obstacle(_ family: Family) -> String?

  /// The configuration of a model once its factors are in the weights, where files have them there.
  static func restated(_ config: JSONValue) -> JSONValue
}

extension Dialect {
  static func architecture(of family: Family) -> String? { architectures[0] }

  static func obstacle(_ family: Family) -> String? { nil }

  static func restated(_ config: JSONValue) -> JSONValue { config }
}

/// Every known dialect.
enum Dialects {
  static let all: [any Dialect.Type] = [
    LlamaDialect.self, Qwen3Dialect.self, GraniteHybridDialect.self, HunyuanDialect.self, HyV3Dialect.self,
    NemotronDialect.self, MambaDialect.self, JambaDialect.self, FalconH1Dialect.self, Lfm2Dialect.self,
    GemmaDialect.self, Gemma3nDialect.self, Gemma4Dialect.self, MiMoDialect.self, StepDialect.self, GptOssDialect.self,
    OlmoDialect.self, Exaone4Dialect.self, Cohere2Dialect.self, Phi3Dialect.self,
    SmolLM3Dialect.self, SeedOssDialect.self, Glm4Dialect.self, ErnieDialect.self, Dots1Dialect.self,
    MiniMaxM2Dialect.self,
    GraniteSWADialect.self, MiniMaxDialect.self, BailingDialect.self, HyV4Dialect.self,
    Qwen3NextDialect.self, DeepSeekDialect.self, KimiLinearDialect.self, BambaDialect.self,
    RWKV6Dialect.self, RWKV7Dialect.self, ARWKV7Dialect.self, PlamoDialect.self, KimiK3Dialect.self,
  ]

  /// The dialect of a file: of the family of its own configuration, where it has one, else by its architecture.
  ///
  /// - Throws: `ModelError` that names the architecture and those that are known.
  static func dialect(of file: GGUFDescription, config: JSONValue?) throws(ModelError) -> any Dialect.Type {
    if let config, let family = try? Families.family(for: ConfigReader(config)),
      let dialect = all.first(where: { $0.architecture(ofAny: family) == file.architecture })
    {
      return dialect
    }
    guard let dialect = all.first(where: { $0.architectures.contains(file.architecture) }) else {
      let known = all.flatMap { $0.architectures }.sorted().joined(separator: ", ")
      throw .malformed(
        at: file.url,
        reason: "its architecture \"\(file.architecture)\" is not supported, expected one of \(known)")
    }
    return dialect
  }

  /// The dialect that writes models of a family.
  static func dialect(writing family: any ModelFamily) -> (any Dialect.Type)? {
    all.first { $0.architecture(ofAny: family) != nil }
  }
}

extension Dialect {
  static var family: any ModelFamily.Type { Family.self }

  /// ``architecture(of:)`` of a model of any family.
  static func architecture(ofAny family: any ModelFamily) -> String? { (family as? Family).flatMap(architecture) }
}
