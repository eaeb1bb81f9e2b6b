internal import InferCore

/// Nemotron-H, Nemotron Nano 2 and Nemotron 3: one mixer a layer — Mamba-2, attention without positions, ReLU²
/// feed-forward, or experts chosen by biased sigmoid scores, optionally in a latent space.
struct NemotronH: ModelFamily {
  static let models = "Nemotron-H, Nemotron Nano 2, Nemotron 3"
  static let layers = "Mamba-2, attention, ReLU² feed-forward, latent experts"
  static let modelTypes = ["nemotron_h"]
  static let inertKeys = [
    "chunk_size", "expand", "mamba_ssm_cache_dtype", "moe_shared_expert_overlap", "mtp_layers_block_type",
    "mtp_hybrid_override_pattern", "num_nextn_predict_layers", "rescale_prenorm_residual", "residual_in_fp32",
    "time_step_floor", "time_step_max", "time_step_min", "time_step_rank",
    "use_mamba_kernels", "partial_rotary_factor", "rope_theta", "rope_parameters", "mamba_dt_bias",
    "max_window_layers", "ssm_dt_rank",
  ]

  /// Keys that only layers with experts read.
  private static let expertKeys = [
    "moe_intermediate_size", "moe_latent_size", "moe_shared_expert_intermediate_size", "n_group", "n_routed_experts",
    "n_shared_experts", "norm_topk_prob", "num_experts_per_tok", "num_local_experts", "routed_scaling_factor",
    "topk_group",
  ]

  /// The mixer of a layer.
  enum Kind: Sendable { case mamba, attention, feedForward, experts }

  let frame: ModelFrame
  let kinds: [Kind]
  let mamba: Mamba2.Shape
  let attention: Attention.Shape
  let feedForwardBias: Bool
  let denseWidth: Int
  /// The choice of experts, but for the bias, of which each layer has its own; `nil` without experts.
  let selection: ExpertSelection?
  let expertWidth: Int
  let sharedWidth: Int
  let latentWidth: Int?

  var layerCount: Int { kinds.count }

  init(_ config: ConfigReader) throws(ModelError) {
    // Files hold up to three of them, all the same.
    let epsilonKeys = ["layer_norm_epsilon", "norm_eps", "rms_norm_eps"]
    let epsilonKey = epsilonKeys.first { config.has($0) }
    config.ignore(epsilonKeys)
    var frame = try ModelFrame(config, epsilonKey: epsilonKey ?? "layer_norm_epsilon")
    frame.embedding = "backbone.embeddings"
    frame.norm = "backbone.norm_f"
    self.frame = frame
    kinds = try Self.kinds(config)
    try config.expect("mlp_hidden_act", try config.string("mlp_hidden_act", default: "relu2"), is: "relu2")
    try config.expect("mamba_hidden_act", try config.string("mamba_hidden_act", default: "silu"), is: "silu")
    try config.expectNoSlidingWindow(contextLength: frame.contextLength)
    mamba = try Self.mambaShape(config, width: frame.width)
    attention = try config.attentionShape(
      width: frame.width, bias: try config.flag("attention_bias", default: false))
    feedForwardBias = try config.flag("mlp_bias", default: false)
    denseWidth = kinds.contains(.feedForward) ? try config.size("intermediate_size") : 0
    config.ignore(["intermediate_size"])
    guard kinds.contains(.experts) else {
      (selection, expertWidth, sharedWidth, latentWidth) = (nil, 0, 0, nil)
      config.ignore(Self.expertKeys)
      return
    }
    selection = try Self.selection(config)
    expertWidth = try config.size("moe_intermediate_size")
    let shared = try config.count("n_shared_experts", default: 1)
    sharedWidth = shared > 0 ? try config.count("moe_shared_expert_intermediate_size", default: 0) : 0
    latentWidth = config.has("moe_latent_size") ? try config.size("moe_latent_size") : nil
    config.ignore(Self.expertKeys)
  }

  private static func selection(_ config: ConfigReader) throws(ModelError) -> ExpertSelection {
    let experts = try config.size("n_routed_experts", "num_local_experts")
    let topK = try config.size("num_experts_per_tok")
    let groups = (count: try config.size("n_group", default: 1), kept: try config.size("topk_group", default: 1))
    try config.require(
      groups.kept <= groups.count && experts % groups.count == 0, "n_group",
      "\(experts) experts in \(groups.count) groups, \(groups.kept) kept")
    try config.require(
      topK <= experts / groups.count * groups.kept, "num_experts_per_tok", "\(topK) of \(experts) experts")
    return ExpertSelection(
      expertCount: experts, topK: topK, scoring: .sigmoid,
      normalized: try config.flag("norm_topk_prob", default: true),
      scale: try config.number("routed_scaling_factor", default: 1), groups: groups)
  }

  private static func kinds(_ config: ConfigReader) throws(ModelError) -> [Kind] {
    let names: [String: Kind] = [
      "M": .mamba, "mamba": .mamba, "linear_attention": .mamba, "*": .attention, "attention": .attention,
      "full_attention": .attention, "-": .feedForward, "mlp": .feedForward, "E": .experts, "moe": .experts,
    ]
    // The same list under three names, the last of them one letter a layer.
    var listed = try config.strings("layers_block_type")
    if listed == nil { listed = try config.strings("layer_types") }
    if listed == nil { listed = try config.string("hybrid_override_pattern").map { String($0) } }
    let kinds = (listed ?? []).compactMap { names[$0] }
    try config.require(
      !kinds.isEmpty && kinds.count == listed?.count, "hybrid_override_pattern or layers_block_type",
      "\(listed?.first { names[$0] == nil } ?? "nothing") is no kind of layer")
    let count = try config.size("num_hidden_layers", default: kinds.count)
    try config.require(count == kinds.count, "num_hidden_layers", "\(count), but \(kinds.count) kinds of layers")
    return kinds
  }

  private static func mambaShape(_ config: ConfigReader, width: Int) throws(ModelError) -> Mamba2.Shape {
    try config.expectNoTimeStepLimit()
    let heads = try config.size("mamba_num_heads", "mamba_n_heads")
    let groups = try config.size("n_groups", "mamba_n_groups")
    try config.require(heads % groups == 0, "n_groups", "\(groups) does not divide \(heads) heads")
    let hasBias = try config.flag("mamba_proj_bias", default: false)
    return Mamba2.Shape(
      width: width, heads: heads, headDimension: try config.size("mamba_head_dim", "mamba_d_head"), groups: groups,
      stateSize: try config.size("ssm_state_size", "mamba_d_state"),
      taps: try config.size("conv_kernel", "mamba_d_conv", default: 4),
      convolutionBias: try config.flag("use_conv_bias", "mamba_conv_bias", default: true),
      inputBias: try config.flag("use_bias", default: hasBias),
      outputBias: try config.flag("use_bias", default: hasBias))
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    weights.discard("mtp.")
    var layers: [Layer] = []
    for (index, kind) in kinds.enumerated() {
      let layer = weights["backbone"]["layers"][index]
      let mixer: any Mixer
      switch kind {
      case .mamba: mixer = try Mamba2(layer["mixer"], mamba, epsilon: frame.epsilon, state: &state)
      case .attention: mixer = try Attention(layer["mixer"], attention, rotary: nil, state: &state)
      case .feedForward:
        mixer = try FeedForward.reluSquared(
          layer["mixer"], width: frame.width, hidden: denseWidth, bias: feedForwardBias)
      case .experts:
        // Models with such layers have a selection.
        guard let selection else { continue }
        mixer = try expertLayer(layer["mixer"], selection, index)
      }
      layers.append(Layer(try ResidualBlock(layer, norm: "norm", frame, mixer)))
    }
    return layers
  }

  private func expertLayer(
    _ weights: WeightScope, _ selection: ExpertSelection, _ index: Int
  ) throws(ModelError) -> MixtureOfExperts {
    let width = latentWidth ?? frame.width
    let count = selection.expertCount
    var selection = selection
    selection.selectionBias = try weights["gate"].vector("e_score_correction_bias", count: count)
    var layer = MixtureOfExperts(
      router: try Linear(weights["gate"], input: frame.width, output: count, role: .exact), selection: selection,
      experts: try Experts(
        weights["experts"], count: count, width: width, hidden: expertWidth, activation: .reluSquared,
        layer: index))
    if sharedWidth > 0 {
      layer.shared = try .reluSquared(
        weights["shared_experts"], width: frame.width, hidden: sharedWidth, bias: feedForwardBias)
    }
    if latentWidth != nil {
      layer.latent = (
        down: try Linear(weights["fc1_latent_proj"], input: frame.width, output: width, bias: feedForwardBias),
        up: try Linear(weights["fc2_latent_proj"], input: width, output: frame.width, bias: feedForwardBias)
      )
    }
    return layer
  }
}
