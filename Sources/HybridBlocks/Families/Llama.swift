internal import InferCore

/// The plain transformer: attention with rotary positions, then SwiGLU. Qwen2 has biases on queries, keys and values;
/// Granite scales embeddings, scores, branches and logits; queries of Ministral 3 grow with their position.
struct Llama: ModelFamily {
  static let models =
    "Llama 2 … 3.x, SmolLM2, Mistral, Mistral Small 3, Ministral, Ministral 3 (text), Qwen2, Granite 3"
  static let layers = "attention, in windows as well"
  static let modelTypes = ["granite", "llama", "ministral", "ministral3", "mistral", "mistral3", "qwen2"]
  static let inertKeys = [
    "image_token_index", "image_token_id", "is_llama_config", "multimodal_projector_bias", "projector_hidden_act",
    "rope_interleaved", "spatial_merge_size", "transformers.js_config", "vision_config", "vision_feature_layer",
  ]

  /// The kind of model, where more than numbers tells them apart.
  enum Kind: Sendable { case llama, granite, qwen2 }

  let kind: Kind
  private(set) var frame: ModelFrame
  let attention: Attention.Shape
  /// Factor on scores; `nil` for the usual one.
  let attentionScale: Float?
  let rotary: RotaryEmbedding
  /// One a layer; `nil` for those that see everything.
  let windows: [Int?]
  let residualScale: Float
  let hidden: Int
  let hiddenBias: Bool
  /// Whether it is the text model of one that sees images.
  let isInside: Bool

  var layerCount: Int { windows.count }

  init(_ config: ConfigReader) throws(ModelError) {
    guard try config.string("model_type") == "mistral3" else {
      try self.init(config, isInside: false)
      return
    }
    guard let text = try config.object("text_config") else {
      throw config.wrong("text_config", because: "is missing, expected the configuration of the text model")
    }
    let inner = try text.string("model_type", default: "mistral")
    try text.require(
      ["mistral", "ministral3"].contains(inner), "model_type",
      "\(inner) is not supported within mistral3, expected mistral or ministral3")
    text.ignore(Families.inertKeys + Self.inertKeys)
    try self.init(text, isInside: true)
    frame.isTied = try config.flag("tie_word_embeddings", default: frame.isTied)
  }

  private init(_ config: ConfigReader, isInside: Bool) throws(ModelError) {
    self.isInside = isInside
    let modelType = try config.string("model_type", default: "mistral")
    kind = ["granite": Kind.granite, "qwen2": .qwen2][modelType] ?? .llama
    var frame = try ModelFrame(config)
    if kind == .granite {
      frame.embeddingScale = try config.number("embedding_multiplier", default: 1)
      frame.logitScale = 1 / Float(try config.positive("logits_scaling", default: 1))
      attentionScale = try config.number("attention_multiplier", default: 1)
      residualScale = try config.number("residual_multiplier", default: 1)
    } else {
      attentionScale = nil
      residualScale = 1
    }
    self.frame = frame
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("use_mrope", try config.flag("use_mrope", default: false), is: false)
    switch modelType {
    // Their configuration classes have a window unless a file says null.
    case "mistral", "ministral": windows = try config.windows(layers: layers, default: 4096) { _ in true }
    case "ministral3": windows = try config.windows(layers: layers) { _ in true }
    case "qwen2": windows = try config.windowsOfLastLayers(layers, isUsed: false)
    default:
      windows = Array(repeating: nil, count: layers)
      try config.expectFullAttention(contextLength: frame.contextLength)
      config.ignore(["max_window_layers"])
    }
    var attention = try config.attentionShape(
      width: frame.width, bias: try config.flag("attention_bias", default: kind == .qwen2))
    if kind == .qwen2 { attention.outputBias = false }
    if modelType == "ministral3" { attention.queryGrowth = try Self.queryGrowth(config) }
    self.attention = attention
    rotary = try config.rotary(
      headDimension: attention.headDimension, contextLength: frame.contextLength, theta: 10_000)
    hidden = try config.size("intermediate_size")
    hiddenBias = try config.flag("mlp_bias", default: false)
  }

  /// By how much queries grow with their position, and over how many positions they do not.
  private static func queryGrowth(_ config: ConfigReader) throws(ModelError) -> PositionGrowth? {
    guard let parameters = try config.ropeParameters(), parameters.has("llama_4_scaling_beta") else { return nil }
    parameters.ignore(["max_position_embeddings"])
    return .inSteps(
      strength: try parameters.number("llama_4_scaling_beta"),
      length: try parameters.length("original_max_position_embeddings"))
  }

  /// Text models inside others have had two paths.
  var storedPrefixes: [StoredPrefix] { isInside ? StoredPrefix.ofTextModels : [] }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    let heads = LayeredAttention(
      attention, sights: windows.map { LayerSight(window: $0, rotary: rotary) }, scale: attentionScale)
    if isInside { weights.discardSight("vision_tower.", "multi_modal_projector.") }
    return try heads.layers(weights, frame, scale: residualScale, state: &state) { layer, _ throws(ModelError) in
      try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: hidden, bias: hiddenBias)
    }
  }
}
