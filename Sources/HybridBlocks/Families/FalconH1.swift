internal import InferCore

/// Falcon-H1: Mamba-2 and attention side by side on one norm, then a feed-forward network, with factors on nearly
/// everything that a projection reads or gives.
struct FalconH1: ModelFamily {
  static let models = "Falcon-H1"
  static let layers = "Mamba-2 and attention side by side"
  static let modelTypes = ["falcon_h1"]
  static let inertKeys = [
    "attn_layer_indices", "mamba_chunk_size", "mamba_expand", "mamba_use_mlp", "mlp_expansion_factor",
    "rope_scaling", "z_loss_coefficient",
  ]

  let frame: ModelFrame
  let layerCount: Int
  let mamba: Mamba2.Shape
  /// Factors on z, x, B, C and dt.
  let mambaFactors: [Float]
  let mambaScale: (input: Float, output: Float)
  let attention: Attention.Shape
  let rotary: RotaryEmbedding
  let attentionScale: (input: Float, output: Float)
  let keyScale: Float
  let hidden: Int
  let feedForwardBias: Bool
  let feedForwardScale: (gate: Float, down: Float)

  init(_ config: ConfigReader) throws(ModelError) {
    var frame = try ModelFrame(config)
    frame.norm = "model.final_layernorm"
    frame.embeddingScale = try config.number("embedding_multiplier", default: 1)
    frame.logitScale = try config.number("lm_head_multiplier", default: 1)
    self.frame = frame
    layerCount = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    var mamba = try config.mamba2Shape(width: frame.width)
    mamba.outputBias = try config.flag("projectors_bias", default: false)
    let normFirst = try config.flag("mamba_norm_before_gate", default: true)
    let hasNorm = try config.flag("mamba_rms_norm", default: false)
    mamba.gating = !hasNorm ? .withoutNorm : normFirst ? .afterNorm : .beforeNorm
    self.mamba = mamba
    mambaFactors = try config.factors("ssm_multipliers", count: 5)
    mambaScale = (
      try config.number("ssm_in_multiplier", default: 1), try config.number("ssm_out_multiplier", default: 1)
    )
    attention = try config.attentionShape(
      width: frame.width, bias: try config.flag("attention_bias", default: false))
    rotary = try config.rotary(
      headDimension: attention.headDimension, contextLength: frame.contextLength, theta: 10_000)
    attentionScale = (
      try config.number("attention_in_multiplier", default: 1),
      try config.number("attention_out_multiplier", default: 1)
    )
    keyScale = try config.number("key_multiplier", default: 1)
    hidden = try config.size("intermediate_size")
    feedForwardBias = try config.flag("mlp_bias", default: false)
    let factors = try config.factors("mlp_multipliers", count: 2)
    feedForwardScale = (factors[0], factors[1])
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in 0..<layerCount {
      let layer = weights["model"]["layers"][index]
      let mixers = SumOfMixers(branches: [
        .init(
          mixer: try mambaLayer(layer["mamba"], &state), inputScale: mambaScale.input, outputScale: mambaScale.output),
        .init(
          mixer: try attentionLayer(layer["self_attn"], &state), inputScale: attentionScale.input,
          outputScale: attentionScale.output),
      ])
      let mixing = try ResidualBlock(layer, norm: "input_layernorm", frame, mixers)
      var network = try FeedForward.swiGLU(
        layer["feed_forward"], width: frame.width, hidden: hidden, bias: feedForwardBias)
      network.gateScale = feedForwardScale.gate
      layers.append(
        Layer(mixing, try ResidualBlock(layer, norm: "pre_ff_layernorm", frame, network, scale: feedForwardScale.down)))
    }
    return layers
  }

  private func mambaLayer(_ weights: WeightScope, _ state: inout StateLayout) throws(ModelError) -> Mamba2 {
    var scales: [Float]?
    if mambaFactors.contains(where: { $0 != 1 }) {
      let widths = [mamba.inner, mamba.inner, mamba.groupState, mamba.groupState, mamba.heads]
      scales = zip(mambaFactors, widths).flatMap { Array(repeating: $0, count: $1) }
    }
    return try Mamba2(weights, mamba, epsilon: frame.epsilon, inputScales: scales, state: &state)
  }

  private func attentionLayer(_ weights: WeightScope, _ state: inout StateLayout) throws(ModelError) -> Attention {
    // A factor on keys is one on scores: rotation does not change lengths.
    try Attention(
      weights, attention, rotary: rotary, scale: keyScale / Float(attention.headDimension).squareRoot(), state: &state)
  }
}
