public import InferCore

/// An architecture: it reads its configuration and its tensors, and returns the list of its layers.
///
/// A family is data. It has no forward pass: a layer is computed by its ``Block``s.
public protocol ModelFamily: Sendable {
  /// Names of published models, for documentation.
  static var models: String { get }
  /// The parts that its layers are made of, for documentation.
  static var layers: String { get }
  /// Values of `model_type` that this family reads.
  static var modelTypes: [String] { get }
  /// Keys of `config.json` known to change nothing about inference, beyond those that say nothing in any family.
  static var inertKeys: [String] { get }

  /// Reads and checks the configuration.
  init(_ config: ConfigReader) throws(ModelError)

  /// The parts around the layers.
  var frame: ModelFrame { get }
  /// Number of layers.
  var layerCount: Int { get }

  /// The forms in which checkpoints store tensors that blocks read in another.
  var storedForms: [StoredForm] { get }

  /// The beginnings of names that checkpoints have in place of those that are read.
  var storedPrefixes: [StoredPrefix] { get }

  /// Reads what blocks see beside the residual stream; `nil` for nothing.
  func side(reading weights: WeightScope) throws(ModelError) -> (any StreamSide)?

  /// Reads what the lanes of the residual stream begin and end as; `nil` where it has one.
  func streamLanes(reading weights: WeightScope) throws(ModelError) -> (any StreamLanes)?

  /// Reads all layers, in order, declaring their state.
  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer]
}

extension ModelFamily {
  /// None.
  public static var inertKeys: [String] { [] }

  /// Decay rates as logarithms.
  public var storedForms: [StoredForm] { [.decayRates] }

  /// None.
  public var storedPrefixes: [StoredPrefix] { [] }

  /// None.
  public func streamLanes(reading weights: WeightScope) throws(ModelError) -> (any StreamLanes)? { nil }

  /// Nothing.
  public func side(reading weights: WeightScope) throws(ModelError) -> (any StreamSide)? { nil }
}

/// The parts of a model around its layers: embedding, final norm and head.
public struct ModelFrame: Sendable {
  /// Width of the residual stream.
  public let width: Int
  /// The number of logits.
  public var vocabularySize: Int
  /// The number of rows of the embedding and of the head on disk, where there are more than tokens.
  public var storedVocabularySize: Int?
  /// The maximum number of tokens of a sequence.
  public var contextLength: Int
  /// ε of every norm.
  public let epsilon: Float
  /// Whether the head is the embedding.
  public var isTied: Bool
  /// `true` where the configuration does not say whether the head is the embedding: it is, then, where there is no other.
  var isTiedWithoutHead: Bool
  /// The embedding's name on disk.
  public var embedding = "model.embed_tokens"
  /// The name on disk of the norm of embedded tokens; `nil` for none.
  public var embeddingNorm: String?
  /// The last norm's name on disk.
  public var norm = "model.norm"
  /// Factor on embedded tokens.
  public var embeddingScale: Float = 1
  /// Factor on logits.
  public var logitScale: Float = 1
  /// The bound that logits are held within, `cap · tanh(logit / cap)`; `nil` for none.
  public var logitCap: Float?
  /// The kind of the norms of the residual stream, the last among them.
  public var normKind = NormKind.rootMeanSquare

  /// The keys that nearly all families share.
  ///
  /// - Parameters:
  ///   - config: the configuration.
  ///   - epsilonKey: the key of ε.
  ///   - epsilon: ε where the configuration does not say.
  ///   - tiedByDefault: whether the head is the embedding where the configuration does not say.
  ///   - contextLength: the longest sequence where the configuration does not say.
  ///   - vocabularySize: the number of logits where the configuration does not say.
  public init(
    _ config: ConfigReader, epsilonKey: String = "rms_norm_eps", epsilon: Double? = nil, tiedByDefault: Bool = false,
    contextLength: Int? = nil, vocabularySize: Int? = nil
  ) throws(ModelError) {
    width = try config.size("hidden_size")
    self.vocabularySize = try config.size("vocab_size", default: vocabularySize)
    self.contextLength = try config.contextLength(default: contextLength)
    self.epsilon = Float(try config.positive(epsilonKey, default: epsilon))
    isTied = try config.flag("tie_word_embeddings", default: tiedByDefault)
    isTiedWithoutHead = !config.has("tie_word_embeddings")
  }
}

extension ModelFrame {
  /// Reads a norm of the residual stream.
  public func norm(_ weights: WeightScope) throws(ModelError) -> any Norm {
    switch normKind {
    case .none: NoNorm()
    case .rootMeanSquare: try RMSNorm(weights, width: width, epsilon: epsilon)
    case .layer(let bias): try LayerNorm(weights, width: width, epsilon: epsilon, bias: bias)
    }
  }
}

/// Every known family.
enum Families {
  static let all: [any ModelFamily.Type] = [
    HunyuanT1.self, HunyuanV1.self, HyV3.self, HyV4.self, GraniteMoeHybrid.self, NemotronH.self, Qwen3.self, Llama.self,
    Gemma.self, Gemma3n.self, Gemma4.self, GptOss.self, Olmo.self, Phi3.self, SmolLM3.self, Exaone4.self, Cohere2.self,
    Glm4.self, Glm5Next.self, SeedOss.self, Ernie.self, Dots1.self, MiniMaxM2.self, MiniMaxM3.self, Inkling.self,
    Inkling2.self, MiMoV2.self, Step3.self, GraniteSWA.self, DeepSeek.self, LongCatFlash.self, Qwen3Next.self,
    Qwen4Exp.self, OlmoHybrid.self, LaraMini.self, KimiLinear.self, KimiK3.self, BailingHybrid.self, MiniMax.self,
    RecurrentGemma.self, XLSTM.self, RWKV6.self, RWKV7.self, RWKVHybrid.self, Lfm2.self, Lfm3.self, Mamba.self,
    Jamba.self, Plamo2.self, Bamba.self, FalconH1.self, Zamba.self, Zamba2.self,
  ]

  /// Keys of `config.json` that say nothing about inference in any family.
  static let inertKeys =
    [
      "architectures", "attention_dropout", "auto_map", "bos_token_id", "dtype", "eod_token_id", "eos_token_id",
      "hidden_dropout", "id2label", "initializer_range", "label2id", "model_type", "num_logits_to_keep",
      "output_attentions", "output_hidden_states", "output_router_logits", "pad_token_id", "pretraining_tp",
      "return_dict", "router_aux_loss_coef", "sep_token_id", "torch_dtype", "transformers_version", "use_cache",
    ] + QuantizedCheckpoints.keys

  /// The family of a configuration: one of `others`, or else of those that are known.
  ///
  /// - Throws: `ModelError` that names the families that are known.
  static func family(
    for config: ConfigReader, of others: [any ModelFamily.Type] = []
  ) throws(ModelError) -> any ModelFamily {
    let modelType = try config.string("model_type")
    let all = others + all
    guard let family = all.first(where: { $0.modelTypes.contains(modelType) }) else {
      let known = all.flatMap { $0.modelTypes }.sorted().joined(separator: ", ")
      throw config.wrong("model_type", because: "\"\(modelType)\" is not supported; known: \(known)")
    }
    config.ignore(inertKeys + family.inertKeys)
    return try family.init(config)
  }
}
