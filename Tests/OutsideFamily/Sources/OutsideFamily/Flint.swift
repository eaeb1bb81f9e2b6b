import InferKit

/// A family of gated delta rules, gated attention with norms of heads, and stacked experts beside a gated shared one.
struct Flint: ModelFamily {
  static let models = "Flint"
  static let layers = "Gated DeltaNet, gated attention, experts"
  static let modelTypes = ["flint"]
  static let inertKeys = [
    "attention_bias", "decoder_sparse_step", "hidden_act", "intermediate_size", "mlp_only_layers", "norm_topk_prob",
  ]

  let frame: ModelFrame
  let isLinear: [Bool]
  let delta: GatedDeltaNet.Shape
  let attention: Attention.Shape
  let rotary: RotaryEmbedding
  let selection: ExpertSelection
  let expertWidth: Int
  let sharedWidth: Int

  var layerCount: Int { isLinear.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let count = try config.size("num_hidden_layers")
    isLinear = try config.strings("layer_types")?.map { $0 == "linear_attention" } ?? []
    try config.require(isLinear.count == count, "layer_types", "expected \(count) layers")
    delta = GatedDeltaNet.Shape(
      width: frame.width, heads: try config.size("linear_num_value_heads"),
      keyHeads: try config.size("linear_num_key_heads"), keyDimension: try config.size("linear_key_head_dim"),
      valueDimension: try config.size("linear_value_head_dim"), taps: try config.size("linear_conv_kernel_dim"))
    var attention = try config.attentionShape(width: frame.width, bias: false)
    attention.isGated = true
    self.attention = attention
    rotary = try config.rotary(
      headDimension: attention.headDimension, contextLength: frame.contextLength, part: 0.25)
    let experts = try config.size("num_experts")
    selection = ExpertSelection(
      expertCount: experts, topK: try config.chosenExperts(of: experts), scoring: .softmax, normalized: true)
    expertWidth = try config.size("moe_intermediate_size")
    sharedWidth = try config.size("shared_expert_intermediate_size")
  }

  var storedForms: [StoredForm] {
    let norms = ["input_layernorm", "post_attention_layernorm", "q_norm", "k_norm", frame.norm]
    return [.decayRates] + norms.flatMap(StoredForm.normFromOne)
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in isLinear.indices {
      let layer = weights["model"]["layers"][index]
      let mixer: any Mixer
      if isLinear[index] {
        mixer = try GatedDeltaNet(layer["linear_attn"], delta, epsilon: frame.epsilon, state: &state)
      } else {
        let heads = layer["self_attn"]
        mixer = try Attention(
          heads, attention, rotary: rotary,
          headNorm: .usual(heads, headDimension: attention.headDimension, epsilon: frame.epsilon), state: &state)
      }
      layers.append(
        Layer(
          try ResidualBlock(layer, norm: "input_layernorm", frame, mixer),
          try ResidualBlock(layer, norm: "post_attention_layernorm", frame, experts(layer["mlp"], index))))
    }
    return layers
  }

  private func experts(_ weights: WeightScope, _ index: Int) throws(ModelError) -> MixtureOfExperts {
    let (width, count, experts) = (frame.width, selection.expertCount, weights["experts"])
    return MixtureOfExperts(
      router: try Linear(weights["gate"], input: width, output: count, role: .exact), selection: selection,
      experts: experts.has("gate_up_proj")
        ? try Experts(
          stacked: experts, first: ["gate_up_proj"], second: "down_proj", count: count, width: width,
          hidden: expertWidth, activation: .siluGated, layer: index)
        : try Experts(
          experts, count: count, width: width, hidden: expertWidth, activation: .siluGated,
          layer: index),
      shared: try .swiGLU(weights["shared_expert"], width: width, hidden: sharedWidth),
      sharedGate: try Linear(weights["shared_expert_gate"], input: width, output: 1, role: .exact))
  }
}
