internal import InferCore

/// Phi-3, 3.5 and Phi-4: a plain transformer with fused projections, a window in every layer or in none, and LongRoPE where
/// contexts are long.
struct Phi3: ModelFamily {
  static let models = "Phi-3, Phi-3.5, Phi-4"
  static let layers = "attention, in windows as well"
  static let modelTypes = ["phi3"]
  static let inertKeys = ["embd_pdrop", "resid_pdrop"]

  let frame: ModelFrame
  let attention: LayeredAttention
  let hidden: Int

  var layerCount: Int { attention.sights.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("attention_bias", try config.flag("attention_bias", default: false), is: false)
    let windows = try config.windows(layers: layers) { _ in true }
    let shape = try config.attentionShape(width: frame.width, bias: false)
    let rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: 10_000, part: 1)
    config.ignore(["original_max_position_embeddings"])
    attention = LayeredAttention(shape, sights: windows.map { LayerSight(window: $0, rotary: rotary) })
    hidden = try config.size("intermediate_size")
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    try attention.layers(weights, frame, state: &state) { layer, _ throws(ModelError) in
      try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: hidden)
    }
  }
}
