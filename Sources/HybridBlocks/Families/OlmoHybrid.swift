internal import InferCore

/// OLMo Hybrid: Gated DeltaNet with strengths up to two in most layers, behind norms; in the others attention with norms of
/// whole queries and keys and norms behind it and its network, mostly without positions.
struct OlmoHybrid: ModelFamily {
  static let models = "OLMo Hybrid"
  static let layers = "Gated DeltaNet, attention"
  static let modelTypes = ["olmo_hybrid"]
  /// Values that training began with.
  static let inertKeys = [
    "linear_a_log_max", "linear_a_log_min", "linear_dt_init_floor", "linear_dt_max", "linear_dt_min",
  ]

  let frame: ModelFrame
  let isLinear: [Bool]
  let attention: LayeredAttention
  let delta: GatedDeltaNet.Shape
  let hidden: Int

  var layerCount: Int { isLinear.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let count = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    let kinds = try config.layerTypes(count, of: ["linear_attention", "full_attention"]) { index in
      index % 4 == 3 || count < 4 && index == count - 1 ? "full_attention" : "linear_attention"
    }
    isLinear = kinds.map { $0 == "linear_attention" }
    let shape = try config.attentionShape(width: frame.width, bias: try config.flag("attention_bias", default: false))
    let rotary =
      try Self.hasPositions(config)
      ? try config.rotary(headDimension: shape.headDimension, contextLength: frame.contextLength, theta: 10_000) : nil
    attention = LayeredAttention(
      shape, sights: Array(repeating: LayerSight(rotary: rotary), count: count), headNorms: .projections)
    delta = try Self.deltaShape(config, width: frame.width, heads: shape.queryHeads)
    hidden = try config.size("intermediate_size")
  }

  /// Published models have null as the base of positions, which stands for none.
  private static func hasPositions(_ config: ConfigReader) throws(ModelError) -> Bool {
    guard let parameters = try config.object("rope_parameters") else { return !config.isNull("rope_theta") }
    parameters.ignore(["rope_type"])
    return parameters.has("rope_theta")
  }

  private static func deltaShape(
    _ config: ConfigReader, width: Int, heads: Int
  ) throws(ModelError) -> GatedDeltaNet.Shape {
    let keyHeads = try config.size("linear_num_key_heads", default: heads)
    let valueHeads = try config.size("linear_num_value_heads", default: heads)
    try config.require(
      valueHeads % keyHeads == 0, "linear_num_key_heads", "\(keyHeads) does not divide \(valueHeads) value heads")
    let size = try config.size("linear_key_head_dim", default: max(1, 3 * width / (4 * keyHeads)))
    var shape = GatedDeltaNet.Shape(
      width: width, heads: valueHeads, keyHeads: keyHeads, keyDimension: size,
      valueDimension: try config.size("linear_value_head_dim", default: 2 * size),
      taps: try config.size("linear_conv_kernel_dim", default: 4))
    shape.strength = try config.flag("linear_allow_neg_eigval", default: true) ? 2 : 1
    return shape
  }

  /// Names of delta rules and of the norms before them.
  var storedForms: [StoredForm] {
    [
      .decayRates, .renamed("in_proj_b.weight", from: "b_proj.weight"),
      .renamed("in_proj_a.weight", from: "a_proj.weight"), .renamed("in_proj_z.weight", from: "g_proj.weight"),
      .renamed("norm.weight", from: "o_norm.weight"), .renamed("out_proj.weight", from: "o_proj.weight"),
      .renamed("input_layernorm.weight", from: "attention_layer_norm.weight"),
      .renamed("post_attention_layernorm.weight", from: "feedforward_layer_norm.weight"),
    ]
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in isLinear.indices {
      let layer = weights["model"]["layers"][index]
      let network = try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: hidden)
      if isLinear[index] {
        // The ε of its norm is a constant of the architecture.
        let mixer = try GatedDeltaNet(layer["linear_attn"], delta, epsilon: 1e-5, state: &state)
        layers.append(try LayerNorms.usual.layer(layer, frame, mixer, network))
      } else {
        let mixer = try attention.mixer(layer["self_attn"], layer: index, epsilon: frame.epsilon, state: &state)
        layers.append(try LayerNorms.usualBehind.layer(layer, frame, mixer, network))
      }
    }
    return layers
  }
}
