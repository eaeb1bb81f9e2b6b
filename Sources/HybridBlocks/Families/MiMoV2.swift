internal import InferCore

/// MiMo-V2-Flash: attention whose values are narrower than its keys, in most layers within a window, with sinks and other heads
/// there; a dense layer first, then experts chosen by biased sigmoid scores.
struct MiMoV2: ModelFamily {
  static let models = "MiMo-V2-Flash"
  static let layers = "attention with narrow values, with sinks in windows; experts"
  static let modelTypes = ["mimo_v2_flash"]
  /// Sizes of blocks that implementations compute at a time, and experts that none has.
  static let inertKeys = ["attention_chunk_size", "hybrid_block_size", "n_shared_experts", "num_nextn_predict_layers"]

  let frame: ModelFrame
  /// One a layer.
  let attention: [Attention.Shape]
  let rotary: RotaryEmbedding
  let windowedRotary: RotaryEmbedding
  let isDense: [Bool]
  let denseWidth: Int
  let expertWidth: Int
  /// The choice of experts, but for the bias, of which each layer has its own.
  let routing: ExpertSelection

  var layerCount: Int { isDense.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(
      config, epsilonKey: config.has("rms_norm_eps") ? "rms_norm_eps" : "layernorm_epsilon", epsilon: 1e-5)
    config.ignore(["layernorm_epsilon"])
    let count = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    attention = try Self.attention(config, layers: count, width: frame.width)
    let size = try config.size("head_dim", default: 192)
    rotary = try config.rotary(headDimension: size, contextLength: frame.contextLength, theta: 5_000_000, part: 0.334)
    windowedRotary = try config.windowedRotary(
      headDimension: size, contextLength: frame.contextLength, base: "swa_rope_theta", theta: 10_000, part: 0.334)
    isDense = try Self.denseLayers(config, layers: count)
    denseWidth = try config.size("intermediate_size")
    expertWidth = try config.size("moe_intermediate_size")
    routing = try config.sigmoidRouting()
  }

  private static func attention(
    _ config: ConfigReader, layers: Int, width: Int
  ) throws(ModelError) -> [Attention.Shape] {
    let isWindowed = try windowedLayers(config, layers: layers)
    let bias = try config.flag("attention_bias", default: false)
    var whole = try config.attentionShape(width: width, bias: bias)
    whole.outputBias = false
    let values = try config.size("v_head_dim", default: 128)
    try config.require(
      values <= whole.headDimension, "v_head_dim", "\(values) is more than the \(whole.headDimension) of a key")
    whole.valueDimension = values
    let valueScale = try config.number("attention_value_scale", default: 0.707)
    whole.valueScale = config.isNull("attention_value_scale") ? 1 : valueScale
    whole.hasSinks = try config.flag("add_full_attention_sink_bias", default: false)
    let heads = try config.size("swa_num_attention_heads", default: whole.queryHeads)
    let keyHeads = try config.size("swa_num_key_value_heads", default: 2 * whole.keyHeads)
    try config.require(
      heads % keyHeads == 0, "swa_num_key_value_heads", "\(keyHeads) does not divide \(heads) heads")
    try config.expect(
      "swa_head_dim", try config.size("swa_head_dim", default: whole.headDimension), is: whole.headDimension)
    try config.expect("swa_v_head_dim", try config.size("swa_v_head_dim", default: values), is: values)
    var windowed = Attention.Shape(
      width: width, queryHeads: heads, keyHeads: keyHeads, headDimension: whole.headDimension, bias: bias)
    windowed.valueDimension = values
    windowed.valueScale = whole.valueScale
    windowed.hasSinks = try config.flag("add_swa_attention_sink_bias", default: true)
    windowed.window = try window(config)
    return isWindowed.map { $0 ? windowed : whole }
  }

  /// The window with the token itself. What published files give is how many tokens it looks back at beside itself.
  private static func window(_ config: ConfigReader) throws(ModelError) -> Int {
    guard config.has("sliding_window_size") else { return try config.length("sliding_window", default: 129) }
    config.ignore(["sliding_window"])
    return try config.length("sliding_window_size") + 1
  }

  private static func windowedLayers(_ config: ConfigReader, layers: Int) throws(ModelError) -> [Bool] {
    if config.has("hybrid_layer_pattern") {
      config.ignore(["layer_types"])
      let pattern = try config.sizes("hybrid_layer_pattern", layers: layers)
      try config.require(
        pattern.allSatisfy { $0 < 2 }, "hybrid_layer_pattern", "expected 1 for layers with windows and 0 for others")
      return pattern.map { $0 == 1 }
    }
    return try config.layerTypes(layers, of: ["full_attention", "sliding_attention"]) {
      $0 == 0 || ($0 + 1) % 6 == 0 ? "full_attention" : "sliding_attention"
    }.map { $0 == "sliding_attention" }
  }

  private static func denseLayers(_ config: ConfigReader, layers: Int) throws(ModelError) -> [Bool] {
    guard config.has("moe_layer_freq"), !config.has("mlp_layer_types") else {
      return try config.denseLayers(layers, first: 1)
    }
    return try config.sizes("moe_layer_freq", layers: layers).map { $0 == 0 }
  }

  var storedForms: [StoredForm] { [.renamed("sinks", from: "attention_sink_bias")] }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in isDense.indices {
      let layer = weights["model"]["layers"][index]
      let mixer = try Attention(
        layer["self_attn"], attention[index], rotary: attention[index].window == nil ? rotary : windowedRotary,
        state: &state)
      let network: any Mixer =
        isDense[index]
        ? try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: denseWidth)
        : try MixtureOfExperts(
          deepSeek: layer["mlp"], routing, width: frame.width, hidden: expertWidth, shared: 0, layer: index)
      layers.append(try LayerNorms.usual.layer(layer, frame, mixer, network))
    }
    // They predict tokens further ahead, and take no part in the forward pass.
    weights["model"].discard("mtp.")
    return layers
  }
}
