internal import InferCore

/// Ling 3: Kimi Delta Attention with decays that have a bound, and in each last layer of a group latent attention whose heads
/// are gated; dense layers first, then experts within the best groups, beside an ungated shared one.
struct BailingHybrid: ModelFamily {
  static let models = "Ling 3"
  static let layers = "Kimi Delta Attention, latent attention with gated heads, experts in groups"
  static let modelTypes = ["bailing_hybrid"]
  /// Keys of training, keys that follow from others, and layers that predict tokens further ahead.
  static let inertKeys = [
    "linear_num_heads", "linear_conv_kernel_dim", "mtp_loss_scaling_factor", "num_key_value_heads", "num_mtp_layers",
    "num_nextn_predict_layers", "qk_head_dim",
  ]

  private(set) var frame: ModelFrame
  let isLinear: [Bool]
  let isDense: [Bool]
  let delta: KimiDeltaAttention.Shape
  private(set) var attention: LatentAttention.Shape
  let scoreScale: Float
  let rotary: RotaryEmbedding
  let denseWidth: Int
  let expertWidth: Int
  let sharedExperts: Int
  /// The choice of experts, but for the bias, of which each layer has its own.
  let routing: ExpertSelection

  var layerCount: Int { isLinear.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, epsilon: 1e-6)
    frame.embedding = "model.word_embeddings"
    let count = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    let group = try config.size("layer_group_size", default: 6)
    let kinds = try config.layerTypes(count, of: ["linear_attention", "full_attention"]) {
      ($0 + 1) % group == 0 ? "full_attention" : "linear_attention"
    }
    isLinear = kinds.map { $0 == "linear_attention" }
    isDense = try config.denseLayers(count, first: 2)
    attention = try config.latentAttentionShape(width: frame.width)
    attention.hasHeadGates = true
    scoreScale = try config.latentScoreScale(attention)
    rotary = try config.rotary(
      headDimension: attention.sharedKeyDimension, contextLength: frame.contextLength, theta: 6_000_000,
      pairing: .adjacent, key: "qk_rope_head_dim")
    delta = try Self.deltaShape(config, width: frame.width, heads: attention.heads)
    denseWidth = try config.size("intermediate_size")
    expertWidth = try config.size("moe_intermediate_size")
    sharedExperts = try config.count("num_shared_experts", "n_shared_experts", default: 1)
    routing = try config.sigmoidRouting()
  }

  private static func deltaShape(
    _ config: ConfigReader, width: Int, heads: Int
  ) throws(ModelError) -> KimiDeltaAttention.Shape {
    // Where there are both, `head_dim` is what transformers has made of it: that of the part of keys that is rotated.
    let size = try config.size("linear_head_dim", "head_dim", default: 128)
    config.ignore(["head_dim"])
    var shape = KimiDeltaAttention.Shape(
      width: width, heads: heads, headDimension: size, taps: try config.size("short_conv_kernel_size", default: 4))
    let lowest = try config.number("kda_lower_bound", default: -5)
    try config.require(lowest < 0, "kda_lower_bound", "\(lowest), expected a number below 0")
    if try config.flag("kda_safe_gate", default: true) { shape.lowestDecay = lowest }
    return shape
  }

  /// Names of published files; transformers writes the same.
  var storedForms: [StoredForm] {
    [
      .decayRates, .renamed("o_proj.weight", from: "dense.weight"),
      .renamed("e_score_correction_bias", from: "expert_bias"),
    ] + attention.storedForms
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    let scopes = weights["model"]["layers"]
    for index in isLinear.indices {
      let layer = scopes[index]
      let mixer: any Mixer
      if isLinear[index] {
        mixer = try KimiDeltaAttention(layer["attention"], delta, epsilon: frame.epsilon, state: &state)
      } else {
        mixer = try LatentAttention(layer["attention"], attention, rotary: rotary, scale: scoreScale, state: &state)
      }
      let network: any Mixer =
        isDense[index]
        ? try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: denseWidth)
        : try MixtureOfExperts(
          deepSeek: layer["mlp"], routing, width: frame.width, hidden: expertWidth, shared: sharedExperts, layer: index)
      layers.append(try LayerNorms.usual.layer(layer, frame, mixer, network))
    }
    // Layers behind the last predict tokens further ahead; they take no part in the forward pass.
    scopes.discard("\(isLinear.count).")
    return layers
  }
}
