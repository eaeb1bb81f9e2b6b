internal import InferCore

/// Jamba: Mamba with normalised selection, attention without positions at every so many layers, and experts at every so
/// many, whose weights are their softmax as it is.
struct Jamba: ModelFamily {
  static let models = "Jamba"
  static let layers = "Mamba, attention, experts"
  static let modelTypes = ["jamba"]
  static let inertKeys = [
    "calc_logits_for_entire_prompt", "n_ctx", "rope_scaling", "use_associative_scan", "use_mamba_kernels",
    "use_mambapy",
  ]

  let frame: ModelFrame
  let isAttention: [Bool]
  let hasExperts: [Bool]
  let mamba: Mamba1.Shape
  let attention: Attention.Shape
  let selection: ExpertSelection
  let hidden: Int

  var layerCount: Int { isAttention.count }

  init(_ config: ConfigReader) throws(ModelError) {
    var frame = try ModelFrame(config)
    frame.norm = "model.final_layernorm"
    self.frame = frame
    isAttention = try Self.layers(config, "attn", period: 8, offset: 4)
    let hasExperts = try Self.layers(config, "expert", period: 2, offset: 1)
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expectNoSlidingWindow(contextLength: frame.contextLength)
    mamba = Mamba1.Shape(
      width: frame.width, inner: try config.size("mamba_expand", default: 2) * frame.width,
      stateSize: try config.size("mamba_d_state", default: 16),
      timeStepRank: try config.timeStepRank("mamba_dt_rank", width: frame.width),
      taps: try config.size("mamba_d_conv", default: 4),
      convolutionBias: try config.flag("mamba_conv_bias", default: true),
      projectionBias: try config.flag("mamba_proj_bias", default: false))
    attention = try config.attentionShape(width: frame.width, bias: false)
    let experts = try config.size("num_experts", "num_local_experts", default: 16)
    let topK = try config.size("num_experts_per_tok", default: 2)
    // Models of one expert, which have no router, may still say how many a token goes to.
    try config.require(
      experts == 1 || topK <= experts, "num_experts_per_tok", "\(topK) of \(experts) experts")
    self.hasExperts = hasExperts.map { $0 && experts > 1 }
    selection = ExpertSelection(expertCount: experts, topK: min(topK, experts), scoring: .softmax)
    hidden = try config.size("intermediate_size")
  }

  /// Whether each layer is of a kind: every `period`th is, from `offset` on.
  private static func layers(
    _ config: ConfigReader, _ name: String, period: Int, offset: Int
  ) throws(ModelError) -> [Bool] {
    let period = try config.size(name + "_layer_period", default: period)
    let offset = try config.count(name + "_layer_offset", default: offset)
    try config.require(offset < period, name + "_layer_offset", "\(offset) of a period of \(period)")
    return (0..<(try config.size("num_hidden_layers"))).map { $0 % period == offset }
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in isAttention.indices {
      let layer = weights["model"]["layers"][index]
      let mixer: any Mixer
      if isAttention[index] {
        mixer = try Attention(layer["self_attn"], attention, rotary: nil, state: &state)
      } else {
        mixer = try mambaLayer(layer["mamba"], &state)
      }
      layers.append(
        Layer(
          try ResidualBlock(layer, norm: "input_layernorm", frame, mixer),
          try ResidualBlock(layer, norm: "pre_ff_layernorm", frame, feedForward(layer["feed_forward"], index))))
    }
    return layers
  }

  private func mambaLayer(_ weights: WeightScope, _ state: inout StateLayout) throws(ModelError) -> Mamba1 {
    try Mamba1(
      weights, mamba,
      norms: Mamba1.InnerNorms(
        timeStep: try RMSNorm(weights["dt_layernorm"], width: mamba.timeStepRank, epsilon: frame.epsilon),
        b: try RMSNorm(weights["b_layernorm"], width: mamba.stateSize, epsilon: frame.epsilon),
        c: try RMSNorm(weights["c_layernorm"], width: mamba.stateSize, epsilon: frame.epsilon)),
      state: &state)
  }

  private func feedForward(_ weights: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    guard hasExperts[index] else {
      // Some files have a layer's one network as its only expert.
      let network = weights.has("gate_proj.weight") ? weights : weights["experts"][0]
      return try FeedForward.swiGLU(network, width: frame.width, hidden: hidden)
    }
    return try MixtureOfExperts(
      weights, router: "router", selection: selection, width: frame.width, hidden: hidden, layer: index)
  }
}
