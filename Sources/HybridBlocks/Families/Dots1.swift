internal import InferCore

/// dots.llm1: attention with norms of query and key heads; dense layers first, then experts chosen by biased sigmoid scores
/// beside shared ones.
struct Dots1: ModelFamily {
  static let models = "dots.llm1"
  static let layers = "attention, in windows as well; experts"
  static let modelTypes = ["dots1"]
  static let inertKeys = ["attn_module", "moe_layer_freq"]

  let frame: ModelFrame
  let attention: LayeredAttention
  let denseLayers: Int
  let denseWidth: Int
  let routing: ExpertSelection
  let expertWidth: Int
  let sharedExperts: Int

  var layerCount: Int { attention.sights.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("moe_layer_freq", try config.count("moe_layer_freq", default: 1), is: 1)
    let windows = try config.windowsOfLastLayers(layers, isUsed: true)
    let shape = try config.attentionShape(width: frame.width, bias: try config.flag("attention_bias", default: false))
    let rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: 10_000)
    attention = LayeredAttention(
      shape, sights: windows.map { LayerSight(window: $0, rotary: rotary) }, headNorms: .heads)
    denseWidth = try config.size("intermediate_size")
    denseLayers = min(try config.count("first_k_dense_replace", default: 0), layers)
    // The published models' files say "noaux_tc" and "sigmoid", or nothing.
    routing = try config.sigmoidRouting()
    expertWidth = try config.size("moe_intermediate_size")
    sharedExperts = try config.count("n_shared_experts", default: 0)
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    try attention.layers(weights, frame, state: &state) { layer, index throws(ModelError) in
      guard index >= denseLayers else {
        return try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: denseWidth)
      }
      return try MixtureOfExperts(
        deepSeek: layer["mlp"], routing, width: frame.width, hidden: expertWidth, shared: sharedExperts, layer: index)
    }
  }
}
