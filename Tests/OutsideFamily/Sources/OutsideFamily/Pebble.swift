import InferKit

/// A family of its own: attention with rotary positions, then a gated network.
struct Pebble: ModelFamily {
  static let models = "Pebble"
  static let layers = "attention"
  static let modelTypes = ["pebble"]
  static let inertKeys = ["mlp_bias"]

  let frame: ModelFrame
  let layerCount: Int
  let attention: Attention.Shape
  let rotary: RotaryEmbedding
  let hidden: Int

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    layerCount = try config.size("num_hidden_layers")
    attention = try config.attentionShape(width: frame.width, bias: config.flag("attention_bias", default: false))
    rotary = try config.rotary(headDimension: attention.headDimension, contextLength: frame.contextLength)
    hidden = try config.size("intermediate_size")
    try config.expect("hidden_act", config.string("hidden_act"), is: "silu")
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in 0..<layerCount {
      let layer = weights["model"]["layers"][index]
      let attention = try Attention(layer["self_attn"], attention, rotary: rotary, state: &state)
      let network = try Gate(layer["mlp"], width: frame.width, hidden: hidden)
      layers.append(
        Layer(
          try ResidualBlock(layer, norm: "input_layernorm", frame, attention),
          try ResidualBlock(layer, norm: "post_attention_layernorm", frame, network)))
    }
    return layers
  }
}
