import InferKit

/// A family of the package's own blocks: Mamba and attention, then a feed-forward network or experts, in turn.
struct Slate: ModelFamily {
  static let models = "Slate"
  static let layers = "Mamba, attention, experts"
  static let modelTypes = ["slate"]
  static let inertKeys = ["use_associative_scan", "use_mamba_kernels", "use_mambapy"]

  let frame: ModelFrame
  let layerCount: Int
  let isAttention: [Bool]
  let hasExperts: [Bool]
  let mamba: Mamba1.Shape
  let attention: Attention.Shape
  let selection: ExpertSelection
  let hidden: Int

  init(_ config: ConfigReader) throws(ModelError) {
    var frame = try ModelFrame(config)
    frame.norm = "model.final_layernorm"
    self.frame = frame
    layerCount = try config.size("num_hidden_layers")
    isAttention = try Self.every("attn", config, layerCount)
    hasExperts = try Self.every("expert", config, layerCount)
    try config.expect("hidden_act", config.string("hidden_act"), is: "silu")
    mamba = Mamba1.Shape(
      width: frame.width, inner: try config.size("mamba_expand") * frame.width,
      stateSize: try config.size("mamba_d_state"),
      timeStepRank: try config.timeStepRank("mamba_dt_rank", width: frame.width), taps: try config.size("mamba_d_conv"),
      convolutionBias: try config.flag("mamba_conv_bias"), projectionBias: try config.flag("mamba_proj_bias"))
    attention = try config.attentionShape(width: frame.width, bias: false)
    let experts = try config.size("num_experts")
    selection = ExpertSelection(
      expertCount: experts, topK: try config.chosenExperts(of: experts), scoring: .softmax)
    hidden = try config.size("intermediate_size")
  }

  /// Whether each layer is one of a kind.
  private static func every(_ kind: String, _ config: ConfigReader, _ count: Int) throws(ModelError) -> [Bool] {
    let (period, offset) = (try config.size("\(kind)_layer_period"), try config.count("\(kind)_layer_offset"))
    return (0..<count).map { $0 % period == offset }
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in 0..<layerCount {
      let layer = weights["model"]["layers"][index]
      let mixer: any Mixer =
        if isAttention[index] {
          try Attention(layer["self_attn"], attention, rotary: nil, state: &state)
        } else {
          try Mamba1(layer["mamba"], mamba, norms: norms(layer["mamba"]), state: &state)
        }
      let network: any Mixer =
        if hasExperts[index] {
          try MixtureOfExperts(
            layer["feed_forward"], router: "router", selection: selection, width: frame.width, hidden: hidden,
            layer: index)
        } else {
          try FeedForward.swiGLU(layer["feed_forward"], width: frame.width, hidden: hidden)
        }
      layers.append(
        Layer(
          try ResidualBlock(layer, norm: "input_layernorm", frame, mixer),
          try ResidualBlock(layer, norm: "pre_ff_layernorm", frame, network)))
    }
    return layers
  }

  private func norms(_ weights: WeightScope) throws(ModelError) -> Mamba1.InnerNorms {
    Mamba1.InnerNorms(
      timeStep: try RMSNorm(weights["dt_layernorm"], width: mamba.timeStepRank, epsilon: frame.epsilon),
      b: try RMSNorm(weights["b_layernorm"], width: mamba.stateSize, epsilon: frame.epsilon),
      c: try RMSNorm(weights["c_layernorm"], width: mamba.stateSize, epsilon: frame.epsilon))
  }
}
