internal import InferCore

/// Hunyuan 3 (Hy3): attention with norms of query and key heads before rotation; dense layers first, then experts
/// chosen by biased sigmoid scores beside an ungated shared one.
struct HyV3: ModelFamily {
  static let models = "Hunyuan 3 (Hy3)"
  static let layers = "attention, experts"
  static let modelTypes = ["hy_v3"]
  static let inertKeys = ["enable_moe_fp32_combine", "num_nextn_predict_layers", "first_k_dense_replace"]

  let frame: ModelFrame
  let isDense: [Bool]
  let attention: Attention.Shape
  let rotary: RotaryEmbedding
  let denseWidth: Int
  let expertCount: Int
  let topK: Int
  let expertWidth: Int
  let sharedExperts: Int
  let expertScale: Float

  var layerCount: Int { isDense.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("mlp_bias", try config.flag("mlp_bias", default: false), is: false)
    if let kinds = try config.strings("mlp_layer_types") {
      try config.require(
        kinds.count == layers && kinds.allSatisfy { ["dense", "sparse"].contains($0) }, "mlp_layer_types",
        "expected \(layers) of dense or sparse")
      isDense = kinds.map { $0 == "dense" }
    } else {
      let dense = try config.count("first_k_dense_replace", default: 1)
      isDense = (0..<layers).map { $0 < dense }
    }
    attention = try config.attentionShape(
      width: frame.width, bias: try config.flag("attention_bias", default: false))
    rotary = try config.rotary(
      headDimension: attention.headDimension, contextLength: frame.contextLength, theta: 11_158_840)
    denseWidth = try config.size("intermediate_size")
    expertCount = try config.size("num_experts", "num_local_experts")
    topK = try config.size("num_experts_per_tok")
    try config.require(topK <= expertCount, "num_experts_per_tok", "\(topK) of \(expertCount) experts")
    expertWidth = try config.size("moe_intermediate_size")
    sharedExperts = try config.count("num_shared_experts", default: 1)
    expertScale = try config.number("router_scaling_factor", default: 1)
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    let scopes = weights["model"]["layers"]
    for index in isDense.indices {
      let layer = scopes[index]
      let heads = layer["self_attn"]
      let attention = try Attention(
        heads, attention, rotary: rotary,
        headNorm: .usual(heads, headDimension: attention.headDimension, epsilon: frame.epsilon), state: &state)
      let mixing = try ResidualBlock(layer, norm: "input_layernorm", frame, attention)
      let mlp: any Mixer =
        isDense[index]
        ? try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: denseWidth)
        : try expertLayer(layer["mlp"], index)
      layers.append(Layer(mixing, try ResidualBlock(layer, norm: "post_attention_layernorm", frame, mlp)))
    }
    // Layers behind the last predict tokens further ahead; they take no part in the forward pass.
    scopes.discard("\(isDense.count).")
    return layers
  }

  private func expertLayer(_ weights: WeightScope, _ index: Int) throws(ModelError) -> MixtureOfExperts {
    try MixtureOfExperts(
      weights, router: "router.gate",
      selection: ExpertSelection(
        expertCount: expertCount, topK: topK, scoring: .sigmoid, normalized: true, scale: expertScale,
        selectionBias: try weights.vector("expert_bias", count: expertCount)),
      width: frame.width, hidden: expertWidth,
      shared: sharedExperts > 0
        ? try .swiGLU(weights["shared_mlp"], width: frame.width, hidden: sharedExperts * expertWidth) : nil,
      layer: index)
  }
}
