internal import InferCore

/// OLMo 2 and 3: norms behind attention and network and of whole queries and keys. OLMo 3 has windows in three of four
/// layers, whose positions are not stretched.
struct Olmo: ModelFamily {
  static let models = "OLMo 2, OLMo 3"
  static let layers = "attention, in windows as well"
  static let modelTypes = ["olmo2", "olmo3"]

  let frame: ModelFrame
  let attention: LayeredAttention
  let hidden: Int

  var layerCount: Int { attention.sights.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    let hasWindows = try config.string("model_type") == "olmo3"
    let windows =
      hasWindows
      ? try config.windows(layers: layers, every: 4, default: 4096) : Array(repeating: nil, count: layers)
    let shape = try config.attentionShape(width: frame.width, bias: try config.flag("attention_bias", default: false))
    let theta = hasWindows ? 500_000.0 : 10_000
    let rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: theta)
    let windowed =
      hasWindows
      ? try config.windowedRotary(
        headDimension: shape.headDimension, contextLength: frame.contextLength, base: "rope_theta", theta: theta)
      : rotary
    attention = LayeredAttention(
      shape, sights: windows.map { LayerSight(window: $0, rotary: $0 == nil ? rotary : windowed) },
      headNorms: .projections)
    hidden = try config.size("intermediate_size")
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    try attention.layers(weights, frame, .usualBehind, state: &state) { layer, _ throws(ModelError) in
      try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: hidden)
    }
  }
}
