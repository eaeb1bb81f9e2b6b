internal import InferCore

/// LongCat-Flash (arXiv 2509.01322): layers of two latent attentions and two networks, with experts on a shortcut around the
/// second half, chosen by biased softmax scores; some experts pass their input on.
struct LongCatFlash: ModelFamily {
  static let models = "LongCat-Flash"
  static let layers = "latent attention, experts on a shortcut, of which some pass their input on"
  static let modelTypes = ["longcat_flash"]
  /// Values that follow from others.
  static let inertKeys = [
    "attention_method", "head_dim", "num_hidden_layers", "num_key_value_heads", "num_nextn_predict_layers",
    "qk_head_dim",
  ]

  let frame: ModelFrame
  let layerCount: Int
  private(set) var attention: LatentAttention.Shape
  let scoreScale: Float
  let rotary: RotaryEmbedding
  let denseWidth: Int
  let expertWidth: Int
  /// The choice of experts, but for the bias, of which each layer has its own.
  private(set) var routing: ExpertSelection

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, epsilon: 1e-5)
    layerCount = try config.size("num_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("router_bias", try config.flag("router_bias", default: false), is: false)
    try config.expect("norm_topk_prob", try config.flag("norm_topk_prob", default: false), is: false)
    try config.expect("zero_expert_type", try config.string("zero_expert_type", default: "identity"), is: "identity")
    attention = try config.latentAttentionShape(width: frame.width)
    let width = Float(frame.width)
    if let rank = attention.queryRank, try config.flag("mla_scale_q_lora", default: true) {
      attention.rankScales.query = (width / Float(rank)).squareRoot()
    }
    if try config.flag("mla_scale_kv_lora", default: true) {
      attention.rankScales.latent = (width / Float(attention.latentDimension)).squareRoot()
    }
    scoreScale = try config.latentScoreScale(attention)
    rotary = try config.rotary(
      headDimension: attention.sharedKeyDimension, contextLength: frame.contextLength, theta: 10_000_000,
      pairing: .adjacent, key: "qk_rope_head_dim")
    denseWidth = try config.size("ffn_hidden_size", "intermediate_size")
    expertWidth = try config.size("expert_ffn_hidden_size", "moe_intermediate_size")
    let working = try config.size("n_routed_experts", "num_local_experts")
    let passing = try config.count("zero_expert_num", default: 0)
    let topK = try config.size("moe_topk", "num_experts_per_tok")
    try config.require(topK <= working + passing, "moe_topk", "\(topK) of \(working + passing) experts")
    routing = ExpertSelection(
      expertCount: working + passing, topK: topK, scoring: .softmax,
      scale: try config.number("routed_scaling_factor", default: 1))
    routing.passingCount = passing
  }

  var storedForms: [StoredForm] { attention.storedForms }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in 0..<layerCount {
      let layer = weights["model"]["layers"][index]
      var attentions: [ResidualBlock] = []
      var networks: [FeedForward] = []
      for half in 0..<2 {
        attentions.append(
          try ResidualBlock(
            layer, norm: "input_layernorm.\(half)", frame,
            LatentAttention(
              layer["self_attn"][half], attention, rotary: rotary, scale: scoreScale, state: &state)))
        networks.append(try .swiGLU(layer["mlps"][half], width: frame.width, hidden: denseWidth))
      }
      let norms = layer["post_attention_layernorm"]
      layers.append(
        Layer(
          attentions[0],
          ShortcutBlock(
            norm: try frame.norm(norms[0]), network: networks[0], experts: try experts(layer["mlp"], index),
            rest: [attentions[1], ResidualBlock(norm: try frame.norm(norms[1]), mixer: networks[1])])))
    }
    // They predict tokens further ahead, and take no part in the forward pass.
    weights["model"].discard("mtp")
    return layers
  }

  private func experts(_ weights: WeightScope, _ index: Int) throws(ModelError) -> MixtureOfExperts {
    let router = weights["router"]
    var selection = routing
    // Experts that pass their input on have none, whatever some files hold for them.
    for index in routing.expertCount - routing.passingCount..<routing.expertCount {
      for name in ["gate_proj", "up_proj", "down_proj"] {
        weights["experts"][index].discard(tensor: "\(name).weight")
      }
    }
    selection.selectionBias = try router.vector("e_score_correction_bias", count: routing.expertCount)
    return MixtureOfExperts(
      router: try Linear(router["classifier"], input: frame.width, output: routing.expertCount, role: .exact),
      selection: selection,
      experts: try Experts(
        gatedOneByOneOrStacked: weights["experts"], count: routing.expertCount - routing.passingCount,
        width: frame.width, hidden: expertWidth, layer: index))
  }
}
