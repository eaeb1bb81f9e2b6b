internal import InferCore

/// LFM2: gated short convolutions, attention with normalised query and key heads at some layers, and a feed-forward
/// network or, in the mixtures, experts chosen by biased sigmoid scores from some layer on.
struct Lfm2: ModelFamily {
  static let models = "LFM2, LFM2 MoE"
  static let layers = "short convolutions, attention, experts"
  static let modelTypes = ["lfm2", "lfm2_moe"]
  static let inertKeys = [
    "block_dim", "block_mlp_init_scale", "block_norm_eps", "block_out_init_scale", "block_use_swiglu",
    "block_use_xavier_init", "conv_dim", "conv_dim_out", "conv_use_xavier_init", "num_heads", "theta", "use_pos_enc",
  ]

  let frame: ModelFrame
  let isAttention: [Bool]
  let attention: Attention.Shape
  let rotary: RotaryEmbedding
  let taps: Int
  let convolutionBias: Bool
  let denseWidth: Int
  /// Layers before the first with experts; all layers without experts.
  let denseLayers: Int
  let selection: ExpertSelection?
  let usesSelectionBias: Bool
  let expertWidth: Int

  var layerCount: Int { isAttention.count }

  init(_ config: ConfigReader) throws(ModelError) {
    var frame = try ModelFrame(config, epsilonKey: "norm_eps", tiedByDefault: true)
    frame.isTied = try config.flag("tie_embedding", default: frame.isTied)
    frame.norm = "model.embedding_norm"
    self.frame = frame
    isAttention = try Self.layers(config)
    attention = try config.attentionShape(width: frame.width, bias: false)
    rotary = try config.rotary(
      headDimension: attention.headDimension, contextLength: frame.contextLength, theta: 1_000_000)
    taps = try config.size("conv_L_cache", default: 3)
    convolutionBias = try config.flag("conv_bias", default: false)
    let hasExperts = try config.string("model_type") == "lfm2_moe"
    denseWidth = hasExperts ? try config.size("intermediate_size") : try Self.adjustedWidth(config)
    denseLayers = hasExperts ? try config.count("num_dense_layers", default: 2) : isAttention.count
    expertWidth = hasExperts ? try config.size("moe_intermediate_size") : 0
    usesSelectionBias = hasExperts ? try config.flag("use_expert_bias", default: true) : false
    guard hasExperts else {
      selection = nil
      return
    }
    let experts = try config.size("num_experts")
    let topK = try config.chosenExperts(of: experts)
    selection = ExpertSelection(
      expertCount: experts, topK: topK, scoring: .sigmoid,
      normalized: try config.flag("norm_topk_prob", default: true), epsilon: 1e-6,
      scale: try config.number("routed_scaling_factor", default: 1))
  }

  /// Whether each layer is attention.
  private static func layers(_ config: ConfigReader) throws(ModelError) -> [Bool] {
    let count = try config.size("num_hidden_layers")
    guard let kinds = try config.strings("layer_types") else {
      let indices = config.has("full_attn_idxs") ? try config.indices("full_attn_idxs") : Set(0..<count)
      try config.require(
        indices.allSatisfy { $0 < count }, "full_attn_idxs", "\(indices.max() ?? 0) is not one of \(count) layers")
      return (0..<count).map { indices.contains($0) }
    }
    config.ignore(["full_attn_idxs"])
    try config.require(
      kinds.count == count && kinds.allSatisfy { ["conv", "full_attention"].contains($0) }, "layer_types",
      "expected \(count) of conv or full_attention")
    return kinds.map { $0 == "full_attention" }
  }

  /// The feed-forward width, which dense models give before a SwiGLU's third matrix is paid for.
  private static func adjustedWidth(_ config: ConfigReader) throws(ModelError) -> Int {
    let stated = try config.size("block_ff_dim", "intermediate_size")
    config.ignore(["intermediate_size"])
    let multiple = try config.size("block_multiple_of", default: 256)
    let factor = Double(try config.positive("block_ffn_dim_multiplier", default: 1))
    guard try config.flag("block_auto_adjust_ff_dim", default: true) else { return stated }
    let width = (factor * Double(stated * 2 / 3)).rounded(.down)
    try config.require(
      width >= 1 && width <= Double(ConfigReader.largestSize), "block_ffn_dim_multiplier", "makes \(width) channels")
    return (Int(width) + multiple - 1) / multiple * multiple
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in isAttention.indices {
      let layer = weights["model"]["layers"][index]
      let mixer: any Mixer
      if isAttention[index] {
        mixer = try attentionLayer(layer["self_attn"], &state)
      } else {
        mixer = try ShortConvolution(
          layer["conv"], width: frame.width, taps: taps, bias: convolutionBias, state: &state)
      }
      layers.append(
        Layer(
          try ResidualBlock(layer, norm: "operator_norm", frame, mixer),
          try ResidualBlock(layer, norm: "ffn_norm", frame, feedForward(layer["feed_forward"], index))))
    }
    return layers
  }

  private func attentionLayer(_ weights: WeightScope, _ state: inout StateLayout) throws(ModelError) -> Attention {
    let d = attention.headDimension
    return try Attention(
      weights, attention, rotary: rotary,
      headNorm: .beforeRotation(
        query: RMSNorm(weights["q_layernorm"], width: d, epsilon: frame.epsilon),
        key: RMSNorm(weights["k_layernorm"], width: d, epsilon: frame.epsilon)),
      outputName: "out_proj", state: &state)
  }

  private func feedForward(_ weights: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    guard var selection, index >= denseLayers else {
      return try FeedForward.swiGLU(weights, width: frame.width, hidden: denseWidth, names: .numbered)
    }
    let count = selection.expertCount
    if usesSelectionBias { selection.selectionBias = try weights.vector("expert_bias", count: count) }
    return try MixtureOfExperts(
      weights, router: "gate", selection: selection, width: frame.width, hidden: expertWidth, names: .numbered,
      layer: index)
  }
}
