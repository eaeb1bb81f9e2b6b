internal import InferCore

/// MiniMax M2: attention with norms of whole queries and keys, heads of which a part is rotated, and experts chosen by biased
/// sigmoid scores in every layer.
struct MiniMaxM2: ModelFamily {
  static let models = "MiniMax M2"
  static let layers = "attention, experts"
  static let modelTypes = ["minimax_m2"]
  /// Layers that predict tokens further ahead, and noise of training.
  static let inertKeys = [
    "attn_type_list", "mlp_intermediate_size", "mtp_transformer_layers", "num_mtp_modules", "router_jitter_noise",
    "shared_moe_mode", "use_mtp", "rotary_dim", "layernorm_full_attention_beta", "layernorm_linear_attention_beta",
    "layernorm_mlp_beta", "output_router_logits", "postnorm",
  ]

  let frame: ModelFrame
  let attention: LayeredAttention
  let routing: ExpertSelection
  let expertWidth: Int

  var layerCount: Int { attention.sights.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("scoring_func", try config.string("scoring_func", default: "sigmoid"), is: "sigmoid")
    try config.expect("use_routing_bias", try config.flag("use_routing_bias", default: true), is: true)
    try config.expect("shared_intermediate_size", try config.count("shared_intermediate_size", default: 0), is: 0)
    try config.expect("qk_norm_type", try config.string("qk_norm_type", default: "per_layer"), is: "per_layer")
    let hasNorms = try config.flag("use_qk_norm", default: true)
    let shape = try config.attentionShape(width: frame.width, bias: false)
    // Published files say how many dimensions are rotated.
    let part = Double(try config.size("rotary_dim", default: shape.headDimension)) / Double(shape.headDimension)
    try config.require(part <= 1, "rotary_dim", "more than the \(shape.headDimension) dimensions of a head")
    let rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: 5_000_000, part: part)
    attention = LayeredAttention(
      shape, sights: Array(repeating: LayerSight(rotary: rotary), count: layers),
      headNorms: hasNorms ? .projections : nil)
    let experts = try config.size("num_local_experts", "num_experts")
    routing = ExpertSelection(
      expertCount: experts, topK: try config.chosenExperts(of: experts), scoring: .sigmoid, normalized: true)
    expertWidth = try config.size("intermediate_size")
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    let scopes = weights["model"]["layers"]
    for index in 0..<layerCount {
      let layer = scopes[index]
      let heads = try attention.mixer(layer["self_attn"], layer: index, epsilon: frame.epsilon, state: &state)
      let experts = layer["block_sparse_moe"]
      var selection = routing
      selection.selectionBias = try experts.vector("e_score_correction_bias", count: selection.expertCount)
      let network = try MixtureOfExperts(
        experts, router: "gate", selection: selection, width: frame.width, hidden: expertWidth, names: .numbered,
        layer: index)
      layers.append(try LayerNorms.usual.layer(layer, frame, heads, network))
    }
    scopes.discard("\(layerCount).")
    return layers
  }
}
