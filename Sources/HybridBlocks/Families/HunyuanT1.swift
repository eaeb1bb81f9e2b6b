internal import InferCore

/// Hunyuan T1 / TurboS (technical report, arXiv 2505.15431), in the checkpoint format of this project: one
/// layer for each letter of `layer_pattern`, `M` Mamba-2, `A` attention, `F` mixture of experts with a shared expert.
///
/// Tencent has published no weights; questions that the report leaves open are decided in the format's description, and by
/// the reference in the tests.
struct HunyuanT1: ModelFamily {
  static let models = "Hunyuan T1, TurboS (layout of this project; no weights are public)"
  static let layers = "Mamba-2, attention, experts"
  static let modelTypes = ["hunyuan_t1"]
  static let inertKeys = ["chunk_size", "num_nextn_predict_layers"]

  let frame: ModelFrame
  let pattern: String
  let mamba: Mamba2.Shape
  let attention: Attention.Shape
  let rotary: RotaryEmbedding
  let selection: ExpertSelection
  let expertWidth: Int
  let sharedExperts: Int

  var layerCount: Int { pattern.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    pattern = try config.string("layer_pattern")
    try config.require(
      !pattern.isEmpty && pattern.allSatisfy { "MAF".contains($0) }, "layer_pattern",
      "\"\(pattern.prefix(80))\" is not made of the letters M, A and F")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("use_qk_norm", try config.flag("use_qk_norm", default: true), is: true)
    mamba = Mamba2.Shape(
      width: frame.width, heads: try config.size("mamba_num_heads"), headDimension: try config.size("mamba_head_dim"),
      groups: try config.size("n_groups"), stateSize: try config.size("ssm_state_size"),
      taps: try config.size("conv_kernel"), convolutionBias: try config.flag("use_conv_bias", default: true))
    try config.require(mamba.heads % mamba.groups == 0, "n_groups", "\(mamba.groups) does not divide the heads")
    attention = try config.attentionShape(width: frame.width, bias: false)
    rotary = try config.rotary(headDimension: attention.headDimension, contextLength: frame.contextLength)
    let experts = try config.size("num_experts")
    let topK = try config.chosenExperts("moe_topk", of: experts)
    selection = ExpertSelection(expertCount: experts, topK: topK, scoring: .softmax, normalized: true)
    expertWidth = try config.size("moe_intermediate_size")
    sharedExperts = try config.count("num_shared_experts", default: 1)
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for (index, letter) in pattern.enumerated() {
      let layer = weights["model"]["layers"][index]
      let mixer: any Mixer
      switch letter {
      case "M": mixer = try Mamba2(layer["mamba"], mamba, epsilon: frame.epsilon, state: &state)
      case "A": mixer = try attentionLayer(layer["self_attn"], &state)
      default: mixer = try expertLayer(layer["mlp"], index)
      }
      layers.append(Layer(try ResidualBlock(layer, norm: "norm", frame, mixer)))
    }
    // It predicts tokens further ahead, and takes no part in the forward pass.
    weights["model"].discard("mtp.")
    return layers
  }

  private func attentionLayer(_ weights: WeightScope, _ state: inout StateLayout) throws(ModelError) -> Attention {
    try Attention(
      weights, attention, rotary: rotary,
      headNorm: .hunyuan(weights, headDimension: attention.headDimension, epsilon: frame.epsilon), state: &state)
  }

  private func expertLayer(_ weights: WeightScope, _ index: Int) throws(ModelError) -> MixtureOfExperts {
    try MixtureOfExperts(
      weights, router: "gate.wg", selection: selection, width: frame.width, hidden: expertWidth,
      shared: sharedExperts > 0
        ? try .swiGLU(weights["shared_mlp"], width: frame.width, hidden: sharedExperts * expertWidth) : nil,
      layer: index)
  }
}

extension Attention.HeadNorm {
  /// Hunyuan's norm of query and key heads: after rotation, unlike most.
  static func hunyuan(_ weights: WeightScope, headDimension: Int, epsilon: Float) throws(ModelError) -> Self {
    .afterRotation(
      query: try RMSNorm(weights["query_layernorm"], width: headDimension, epsilon: epsilon),
      key: try RMSNorm(weights["key_layernorm"], width: headDimension, epsilon: epsilon))
  }
}
