internal import InferCore

/// Command R7B and Command A: attention and network side by side behind one layer norm, and positions in the layers with
/// windows alone.
struct Cohere2: ModelFamily {
  static let models = "Command R7B, Command A"
  static let layers = "attention beside a network, in windows as well"
  static let modelTypes = ["cohere2"]
  static let inertKeys = [
    "layer_switch", "order_of_interleaved_layers", "position_embedding_type", "rotary_pct", "use_embedding_sharing",
    "use_gated_activation", "use_parallel_block", "use_parallel_embedding",
  ]

  let frame: ModelFrame
  let attention: LayeredAttention
  let hidden: Int

  var layerCount: Int { attention.sights.count }

  init(_ config: ConfigReader) throws(ModelError) {
    var frame = try ModelFrame(config, epsilonKey: "layer_norm_eps", epsilon: 1e-5, tiedByDefault: true)
    frame.normKind = .layer(bias: false)
    frame.logitScale = Float(try config.positive("logit_scale", default: 0.0625))
    self.frame = frame
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("use_qk_norm", try config.flag("use_qk_norm", default: false), is: false)
    let windows = try config.windows(layers: layers, every: 4, default: 4096)
    let shape = try config.attentionShape(width: frame.width, bias: try config.flag("attention_bias", default: false))
    let rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: 10_000, pairing: .adjacent)
    attention = LayeredAttention(
      shape, sights: windows.map { LayerSight(window: $0, rotary: $0 == nil ? nil : rotary) })
    hidden = try config.size("intermediate_size")
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    try attention.layers(weights, frame, .shared("input_layernorm"), state: &state) { layer, _ throws(ModelError) in
      try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: hidden)
    }
  }
}
