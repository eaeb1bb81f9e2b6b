internal import InferCore

/// Seed-OSS: a plain transformer with biases on queries, keys and values.
struct SeedOss: ModelFamily {
  static let models = "Seed-OSS"
  static let layers = "attention"
  static let modelTypes = ["seed_oss"]
  static let inertKeys = ["residual_dropout"]

  let frame: ModelFrame
  let attention: LayeredAttention
  let hidden: Int
  let hiddenBias: Bool

  var layerCount: Int { attention.sights.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    var shape = try config.attentionShape(width: frame.width, bias: try config.flag("attention_bias", default: true))
    shape.outputBias = try config.flag("attention_out_bias", default: false)
    let rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: 10_000)
    attention = LayeredAttention(shape, sights: Array(repeating: LayerSight(rotary: rotary), count: layers))
    hidden = try config.size("intermediate_size")
    hiddenBias = try config.flag("mlp_bias", default: false)
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    try attention.layers(weights, frame, state: &state) { layer, _ throws(ModelError) in
      try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: hidden, bias: hiddenBias)
    }
  }
}
