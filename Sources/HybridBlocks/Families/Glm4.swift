internal import InferCore

/// GLM-4: norms before and behind attention and network, heads of which half is rotated. GLM-4.5 and 4.6: norms before both,
/// dense layers first, then experts chosen by biased sigmoid scores beside a shared one.
struct Glm4: ModelFamily {
  static let models = "GLM-4-0414, GLM-4.5, GLM-4.6"
  static let layers = "attention, experts"
  static let modelTypes = ["glm4", "glm4_moe"]
  /// Layers that predict tokens further ahead.
  static let inertKeys = ["num_nextn_predict_layers", "num_mtp_layers"]

  let frame: ModelFrame
  let attention: LayeredAttention
  let denseLayers: Int
  let denseWidth: Int
  /// The choice of experts but for the bias, of which each layer has its own; `nil` where all layers are dense.
  let routing: ExpertSelection?
  let expertWidth: Int
  let sharedExperts: Int

  var layerCount: Int { attention.sights.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    let hasExperts = try config.string("model_type") == "glm4_moe"
    var shape = try config.attentionShape(
      width: frame.width, bias: try config.flag("attention_bias", default: !hasExperts))
    shape.outputBias = false
    let rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: 10_000, part: 0.5,
      pairing: hasExperts ? .halves : .adjacent)
    let hasNorms = hasExperts ? try config.flag("use_qk_norm", default: false) : false
    attention = LayeredAttention(
      shape, sights: Array(repeating: LayerSight(rotary: rotary), count: layers), headNorms: hasNorms ? .heads : nil)
    denseWidth = try config.size("intermediate_size")
    guard hasExperts else {
      (denseLayers, routing, expertWidth, sharedExperts) = (layers, nil, 0, 0)
      return
    }
    denseLayers = min(try config.count("first_k_dense_replace", default: 1), layers)
    routing = try config.sigmoidRouting()
    expertWidth = try config.size("moe_intermediate_size")
    sharedExperts = try config.count("n_shared_experts", default: 1)
  }

  private var norms: LayerNorms {
    routing == nil
      ? .around("input_layernorm", "post_self_attn_layernorm", "post_attention_layernorm", "post_mlp_layernorm")
      : .usual
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    let layers = try attention.layers(weights, frame, norms, state: &state) { layer, index throws(ModelError) in
      try network(layer["mlp"], index)
    }
    // Layers behind the last predict tokens further ahead; they take no part in the forward pass.
    weights["model"]["layers"].discard("\(layerCount).")
    return layers
  }

  private func network(_ weights: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    guard let routing, index >= denseLayers else {
      return try FeedForward.swiGLU(weights, width: frame.width, hidden: denseWidth)
    }
    return try MixtureOfExperts(
      deepSeek: weights, routing, width: frame.width, hidden: expertWidth, shared: sharedExperts, layer: index)
  }
}
