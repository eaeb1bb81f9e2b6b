import InferKit

/// A family of delta rules with a decay a channel, latent attention, and experts beside a shared one.
struct Shale: ModelFamily {
  static let models = "Shale"
  static let layers = "Kimi Delta Attention, latent attention, experts"
  static let modelTypes = ["shale"]
  static let inertKeys = [
    "head_dim", "hidden_act", "moe_router_activation_func", "norm_topk_prob", "num_expert_group", "num_key_value_heads",
    "qk_head_dim", "topk_group", "moe_renormalize", "num_shared_experts",
  ]

  let frame: ModelFrame
  let isLinear: [Bool]
  let isDense: [Bool]
  let delta: KimiDeltaAttention.Shape
  let attention: LatentAttention.Shape
  let denseWidth: Int
  let expertWidth: Int
  let selection: ExpertSelection

  var layerCount: Int { isLinear.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let count = try config.size("num_hidden_layers")
    isLinear = try config.strings("layer_types")?.map { $0 == "linear_attention" } ?? []
    isDense = try config.strings("mlp_layer_types")?.map { $0 == "dense" } ?? []
    try config.require(isLinear.count == count && isDense.count == count, "layer_types", "expected \(count) layers")
    delta = KimiDeltaAttention.Shape(
      width: frame.width, heads: try config.size("linear_num_heads"), headDimension: try config.size("linear_head_dim"),
      taps: try config.size("linear_conv_kernel_dim"))
    attention = try config.latentAttentionShape(width: frame.width)
    denseWidth = try config.size("intermediate_size")
    expertWidth = try config.size("moe_intermediate_size")
    let experts = try config.size("num_experts")
    selection = ExpertSelection(
      expertCount: experts, topK: try config.chosenExperts("num_experts_per_token", of: experts), scoring: .sigmoid,
      normalized: true, scale: try config.number("routed_scaling_factor"))
  }

  var storedForms: [StoredForm] {
    [.decayRates(of: delta.heads, storedAs: [1, 1, delta.heads, 1])] + attention.storedForms
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in isLinear.indices {
      let layer = weights["model"]["layers"][index]
      let mixer: any Mixer =
        if isLinear[index] {
          try KimiDeltaAttention(layer["self_attn"], delta, epsilon: frame.epsilon, state: &state)
        } else {
          try LatentAttention(layer["self_attn"], attention, rotary: nil, state: &state)
        }
      layers.append(
        Layer(
          try ResidualBlock(layer, norm: "input_layernorm", frame, mixer),
          try ResidualBlock(
            layer, norm: "post_attention_layernorm", frame, network(layer["block_sparse_moe"], index))))
    }
    return layers
  }

  private func network(_ weights: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    guard !isDense[index] else { return try FeedForward.swiGLU(weights, width: frame.width, hidden: denseWidth) }
    var selection = selection
    selection.selectionBias = try weights["gate"].vector("e_score_correction_bias", count: selection.expertCount)
    return try MixtureOfExperts(
      weights, router: "gate", selection: selection, width: frame.width, hidden: expertWidth, names: .numbered,
      shared: .swiGLU(weights["shared_experts"], width: frame.width, hidden: expertWidth), layer: index)
  }
}
