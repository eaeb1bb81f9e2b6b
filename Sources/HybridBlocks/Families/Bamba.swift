internal import InferCore

/// Bamba: Mamba-2, or attention whose heads are rotated by half, at the layers that the configuration lists; then a
/// feed-forward network.
struct Bamba: ModelFamily {
  static let models = "Bamba"
  static let layers = "Mamba-2, attention"
  static let modelTypes = ["bamba"]
  static let inertKeys = [
    "mamba_chunk_size", "mamba_expand", "rope_scaling", "use_mamba_kernels", "z_loss_coefficient",
  ]

  let frame: ModelFrame
  let layerCount: Int
  let attentionLayers: Set<Int>
  let mamba: Mamba2.Shape
  let attention: Attention.Shape
  let rotary: RotaryEmbedding
  let hidden: Int
  let feedForwardBias: Bool

  init(_ config: ConfigReader) throws(ModelError) {
    var frame = try ModelFrame(config)
    frame.norm = "model.final_layernorm"
    self.frame = frame
    layerCount = try config.size("num_hidden_layers")
    attentionLayers = try config.indices("attn_layer_indices")
    let last = attentionLayers.max() ?? 0
    try config.require(last < layerCount, "attn_layer_indices", "\(last) is not one of \(layerCount) layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    mamba = try config.mamba2Shape(width: frame.width)
    attention = try config.attentionShape(
      width: frame.width, bias: try config.flag("attention_bias", default: false))
    let rotated = try config.size("attn_rotary_emb", default: max(1, attention.headDimension / 2))
    try config.require(
      rotated <= attention.headDimension, "attn_rotary_emb", "\(rotated) dimensions of \(attention.headDimension)")
    rotary = try config.rotary(
      headDimension: attention.headDimension, contextLength: frame.contextLength, theta: 10_000,
      part: Double(rotated) / Double(attention.headDimension))
    hidden = try config.size("intermediate_size")
    feedForwardBias = try config.flag("mlp_bias", default: false)
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in 0..<layerCount {
      let layer = weights["model"]["layers"][index]
      let mixer: any Mixer
      if attentionLayers.contains(index) {
        mixer = try Attention(layer["self_attn"], attention, rotary: rotary, state: &state)
      } else {
        mixer = try Mamba2(layer["mamba"], mamba, epsilon: frame.epsilon, state: &state)
      }
      let mixing = try ResidualBlock(layer, norm: "input_layernorm", frame, mixer)
      let network = try FeedForward.swiGLU(
        layer["feed_forward"], width: frame.width, hidden: hidden, bias: feedForwardBias)
      layers.append(Layer(mixing, try ResidualBlock(layer, norm: "pre_ff_layernorm", frame, network)))
    }
    return layers
  }
}
