internal import InferCore

/// Kimi Linear (arXiv 2510.26692): Kimi Delta Attention in most layers and latent attention without positions in the
/// others; dense layers first, then experts chosen by biased sigmoid scores beside an ungated shared one.
struct KimiLinear: ModelFamily {
  static let models = "Kimi Linear"
  static let layers = "Kimi Delta Attention, latent attention, experts"
  static let modelTypes = ["kimi_linear"]
  /// Values that follow from other keys, and rotary positions, which no layer has.
  static let inertKeys = [
    "head_dim", "num_key_value_heads", "num_nextn_predict_layers", "qk_head_dim", "rope_parameters", "rope_scaling",
    "rope_theta", "use_grouped_topk",
  ]

  let frame: ModelFrame
  let isLinear: [Bool]
  let isDense: [Bool]
  let delta: KimiDeltaAttention.Shape
  let attention: LatentAttention.Shape
  let denseWidth: Int
  let expertWidth: Int
  let sharedExperts: Int
  /// The choice of experts, but for the bias, of which each layer has its own.
  let routing: ExpertSelection

  var layerCount: Int { isLinear.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let count = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("mla_use_nope", try config.flag("mla_use_nope", default: true), is: true)
    let scoring = try config.string("moe_router_activation_func", default: "sigmoid")
    try config.expect("moe_router_activation_func", scoring, is: "sigmoid")
    let linear = try config.object("linear_attn_config")
    isLinear = try Self.linearLayers(config, linear, count: count)
    isDense = try config.denseLayers(count, first: 1)
    delta = try Self.deltaShape(config, linear, width: frame.width)
    attention = try config.latentAttentionShape(width: frame.width)
    denseWidth = try config.size("intermediate_size")
    expertWidth = try config.size("moe_intermediate_size")
    sharedExperts = try config.count("num_shared_experts", "n_shared_experts", default: 1)
    routing = try config.sigmoidRouting()
  }

  /// Whether each layer is one of linear attention: from `layer_types`, or from the numbers, counted from one, in
  /// `linear_attn_config`.
  static func linearLayers(
    _ config: ConfigReader, _ linear: ConfigReader?, count: Int
  ) throws(ModelError) -> [Bool] {
    if let kinds = try config.strings("layer_types") {
      linear?.ignore(["kda_layers", "full_attn_layers"])
      try config.require(
        kinds.count == count && kinds.allSatisfy { ["linear_attention", "full_attention"].contains($0) },
        "layer_types", "expected \(count) of linear_attention or full_attention")
      return kinds.map { $0 == "linear_attention" }
    }
    guard let linear else {
      throw config.wrong("layer_types", "linear_attn_config", because: "is missing")
    }
    let (kda, full) = (try linear.indices("kda_layers"), try linear.indices("full_attn_layers"))
    try linear.require(
      kda.isDisjoint(with: full) && kda.union(full) == Set(1...count), "kda_layers",
      "expected each of the layers 1…\(count) either here or in full_attn_layers")
    return (1...count).map(kda.contains)
  }

  static func deltaShape(
    _ config: ConfigReader, _ linear: ConfigReader?, width: Int
  ) throws(ModelError) -> KimiDeltaAttention.Shape {
    let (heads, size, taps): (Int, Int, Int)
    if let linear {
      heads = try linear.size("num_heads")
      size = try linear.size("head_dim")
      taps = try linear.size("short_conv_kernel_size", default: 4)
      config.ignore(["linear_num_heads", "linear_head_dim", "linear_conv_kernel_dim"])
    } else {
      heads = try config.size("linear_num_heads")
      size = try config.size("linear_head_dim")
      taps = try config.size("linear_conv_kernel_dim", default: 4)
    }
    return KimiDeltaAttention.Shape(width: width, heads: heads, headDimension: size, taps: taps)
  }

  var storedForms: [StoredForm] {
    [.decayRates(of: delta.heads, storedAs: [1, 1, delta.heads, 1])] + attention.storedForms
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    let scopes = weights["model"]["layers"]
    for index in isLinear.indices {
      let layer = scopes[index]
      let mixer: any Mixer
      if isLinear[index] {
        mixer = try KimiDeltaAttention(layer["self_attn"], delta, epsilon: frame.epsilon, state: &state)
      } else {
        mixer = try LatentAttention(layer["self_attn"], attention, rotary: nil, state: &state)
      }
      layers.append(
        Layer(
          try ResidualBlock(layer, norm: "input_layernorm", frame, mixer),
          try ResidualBlock(layer, norm: "post_attention_layernorm", frame, feedForward(layer, index))))
    }
    // Layers behind the last predict tokens further ahead; they take no part in the forward pass.
    scopes.discard("\(isLinear.count).")
    return layers
  }

  private func feedForward(_ layer: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    let experts = layer["block_sparse_moe"]
    guard isDense[index] else {
      return try MixtureOfExperts(
        deepSeek: experts, routing, width: frame.width, hidden: expertWidth, shared: sharedExperts, names: .numbered,
        layer: index)
    }
    // transformers 5 writes dense layers where experts would be.
    let dense = experts.has("gate_proj.weight") ? experts : layer["mlp"]
    return try FeedForward.swiGLU(dense, width: frame.width, hidden: denseWidth)
  }
}
