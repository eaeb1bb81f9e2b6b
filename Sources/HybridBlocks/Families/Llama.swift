internal import InferCore

/// The plain transformer: attention with rotary positions, then SwiGLU. Qwen2 has biases on queries, keys and values;
/// Granite scales embeddings, scores, branches and logits.
struct Llama: ModelFamily {
  static let models = "Llama 2 … 3.x, SmolLM2, Mistral, Qwen2, Granite 3"
  static let layers = "attention"
  static let modelTypes = ["granite", "llama", "mistral", "qwen2"]
  static let inertKeys = [
    "is_llama_config", "max_window_layers", "rope_interleaved", "sliding_window", "transformers.js_config",
  ]

  /// The kind of model, where more than numbers tells them apart.
  enum Kind: Sendable { case llama, granite, qwen2 }

  let kind: Kind
  let frame: ModelFrame
  let layerCount: Int
  let attention: Attention.Shape
  /// Factor on scores; `nil` for the usual one.
  let attentionScale: Float?
  let rotary: RotaryEmbedding
  let residualScale: Float
  let hidden: Int
  let hiddenBias: Bool

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
    layerCount = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("use_mrope", try config.flag("use_mrope", default: false), is: false)
    // Mistral's configuration class has a window unless a file says null.
    try config.expectFullAttention(
      contextLength: frame.contextLength, window: config.string("model_type") == "mistral" ? 4096 : nil)
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
    var layers: [Layer] = []
    for index in 0..<layerCount {
      let layer = weights["model"]["layers"][index]
      let heads = layer["self_attn"]
      // Old checkpoints hold the frequencies, which follow from the configuration.
      heads.discard("rotary_emb.inv_freq")
      let attention = try Attention(heads, attention, rotary: rotary, scale: attentionScale, state: &state)
      let mlp = try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: hidden, bias: hiddenBias)
      layers.append(
        Layer(
          try ResidualBlock(layer, norm: "input_layernorm", frame, attention, scale: residualScale),
          try ResidualBlock(layer, norm: "post_attention_layernorm", frame, mlp, scale: residualScale)))
    }
    return layers
  }
}
