internal import InferCore

/// The plain transformer: attention with rotary positions, then SwiGLU. Qwen2 has biases on queries, keys and values;
/// Granite scales embeddings, scores, branches and logits.
struct Llama: ModelFamily {
  static let models = "Llama 2 … 3.x, SmolLM2, Mistral, Qwen2, Granite 3"
  static let layers = "attention"
  static let modelTypes = ["granite", "llama", "mistral", "qwen2"]
  static let inertKeys = ["is_llama_config", "rope_interleaved", "transformers.js_config"]

  /// The kind of model, where more than numbers tells them apart.
  enum Kind: Sendable { case llama, granite, qwen2 }

  let kind: Kind
  let frame: ModelFrame
  let attention: Attention.Shape
  /// Factor on scores; `nil` for the usual one.
  let attentionScale: Float?
  let rotary: RotaryEmbedding
  /// One a layer; `nil` for those that see everything.
  let windows: [Int?]
  let residualScale: Float
  let hidden: Int
  let hiddenBias: Bool

  var layerCount: Int { windows.count }

  init(_ config: ConfigReader) throws(ModelError) {
    kind = try ["granite": Kind.granite, "qwen2": .qwen2][config.string("model_type")] ?? .llama
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
    switch try config.string("model_type") {
    // Mistral's configuration class has a window unless a file says null.
    case "mistral": windows = try config.windows(layers: layers, default: 4096) { _ in true }
    case "qwen2": windows = try config.windowsOfLastLayers(layers, isUsed: false)
    default:
      windows = Array(repeating: nil, count: layers)
      try config.expectFullAttention(contextLength: frame.contextLength)
      config.ignore(["max_window_layers"])
    }
    var attention = try config.attentionShape(
      width: frame.width, bias: try config.flag("attention_bias", default: kind == .qwen2))
    if kind == .qwen2 { attention.outputBias = false }
    self.attention = attention
    rotary = try config.rotary(
      headDimension: attention.headDimension, contextLength: frame.contextLength, theta: 10_000)
    hidden = try config.size("intermediate_size")
    hiddenBias = try config.flag("mlp_bias", default: false)
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    let heads = LayeredAttention(
      attention, sights: windows.map { LayerSight(window: $0, rotary: rotary) }, scale: attentionScale)
    return try heads.layers(weights, frame, scale: residualScale, state: &state) { layer, _ throws(ModelError) in
      try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: hidden, bias: hiddenBias)
    }
  }
}
