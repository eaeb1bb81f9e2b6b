internal import InferCore

/// Lara 4 Mini: Gated DeltaNet, attention in windows with rotary positions, and attention over everything without positions,
/// with norms of query and key heads; experts beside an ungated shared one in every layer.
struct LaraMini: ModelFamily {
  static let models = "Lara 4 Mini"
  static let layers = "Gated DeltaNet, attention, in windows as well; experts"
  static let modelTypes = ["lara_mini"]
  /// A network that no layer has.
  static let inertKeys = ["intermediate_size"]

  let frame: ModelFrame
  let kinds: [String]
  let attention: LayeredAttention
  let delta: GatedDeltaNet.Shape
  let selection: ExpertSelection
  let expertWidth: Int
  let sharedWidth: Int

  var layerCount: Int { kinds.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, epsilon: 1e-6, tiedByDefault: true)
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    let pattern = ["linear_attention", "sliding_attention", "linear_attention", "full_attention", "sliding_attention"]
    let kinds = try config.layerTypes(
      config.size("num_hidden_layers"), of: ["linear_attention", "sliding_attention", "full_attention"]
    ) { pattern[$0 % pattern.count] }
    self.kinds = kinds
    let shape = try config.attentionShape(width: frame.width, bias: try config.flag("attention_bias", default: false))
    let rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: 10_000)
    let window = try config.length("sliding_window", default: 512)
    attention = LayeredAttention(
      shape,
      sights: kinds.map { $0 == "sliding_attention" ? LayerSight(window: window, rotary: rotary) : .init(rotary: nil) },
      headNorms: .heads)
    delta = try Qwen3Next.deltaShape(config, width: frame.width, heads: 16, keyHeads: 8)
    let experts = try config.size("num_experts", "num_local_experts")
    selection = ExpertSelection(
      expertCount: experts, topK: try config.chosenExperts(of: experts), scoring: .softmax,
      normalized: try config.flag("norm_topk_prob", default: true))
    expertWidth = try config.size("moe_intermediate_size")
    sharedWidth = try config.size("shared_expert_intermediate_size")
  }

  var storedForms: [StoredForm] { [.decayRates, .renamed("norm.weight", from: "out_norm.weight")] }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for (index, kind) in kinds.enumerated() {
      let layer = weights["model"]["layers"][index]
      let mixer: any Mixer
      if kind == "linear_attention" {
        mixer = try GatedDeltaNet(layer["linear_attn"], delta, epsilon: frame.epsilon, state: &state)
      } else {
        mixer = try attention.mixer(layer["self_attn"], layer: index, epsilon: frame.epsilon, state: &state)
      }
      layers.append(try LayerNorms.usual.layer(layer, frame, mixer, experts(layer["mlp"], index)))
    }
    return layers
  }

  private func experts(_ weights: WeightScope, _ index: Int) throws(ModelError) -> MixtureOfExperts {
    MixtureOfExperts(
      router: try Linear(weights["gate"], input: frame.width, output: selection.expertCount, role: .exact),
      selection: selection,
      experts: try Experts(
        gatedOneByOneOrStacked: weights["experts"], count: selection.expertCount, width: frame.width,
        hidden: expertWidth, layer: index),
      shared: try .swiGLU(weights["shared_expert"], width: frame.width, hidden: sharedWidth))
  }
}
