internal import InferCore

/// Step 3.5 and the text model of Step 3.7: attention with norms of query and key heads and gates of heads, in windows with
/// other heads; dense layers first, then experts chosen by biased sigmoid scores beside an ungated shared one, with bounds on
/// the activations of some.
struct Step3: ModelFamily {
  static let models = "Step 3.5 Flash, Step 3.7 Flash (text)"
  static let layers = "attention with gated heads, in windows as well; experts"
  static let modelTypes = ["step3p5", "step3p7"]
  /// Images, keys that follow from others, and layers that predict tokens further ahead.
  static let inertKeys = [
    "att_impl_type", "image_token_id", "max_seq_len", "mtp_layer_types", "mtp_mlp_layer_types", "per_layer_config",
    "projector_bias", "sink", "understand_projector_stride", "use_im_start_end", "vision_config",
    "vision_select_layer", "zero_centered",
  ]

  private(set) var frame: ModelFrame
  let isWindowed: [Bool]
  let attention: (whole: Attention.Shape, windowed: Attention.Shape)
  let rotary: (whole: RotaryEmbedding, windowed: RotaryEmbedding)
  let scoreScale: Float
  let isDense: [Bool]
  let denseWidth: Int
  let expertWidth: Int
  let sharedWidth: Int
  /// For each layer, the bounds on activations of experts and of the others; 0 for none.
  let limits: (experts: [Float], others: [Float])
  /// The choice of experts, but for the bias, of which each layer has its own.
  let routing: ExpertSelection
  /// Layers behind the last, which predict tokens further ahead.
  let layersAhead: Int

  var layerCount: Int { isDense.count }

  init(_ config: ConfigReader) throws(ModelError) {
    guard try config.string("model_type") == "step3p7" else {
      try self.init(text: config)
      return
    }
    guard let text = try config.object("text_config") else {
      throw config.wrong("text_config", because: "is missing, expected the configuration of the text model")
    }
    text.ignore(Families.inertKeys + Self.inertKeys)
    // transformers repeats sizes of the text model outside it, and not always those that it has.
    config.ignore([
      "hidden_size", "intermediate_size", "max_position_embeddings", "num_attention_heads", "num_hidden_layers",
      "num_key_value_heads", "vocab_size",
    ])
    try self.init(text: text)
    frame.isTied = try config.flag("tie_word_embeddings", default: frame.isTied)
  }

  private init(text config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, epsilon: 1e-5)
    let count = try config.size("num_hidden_layers")
    layersAhead = try config.count("num_nextn_predict_layers", "num_mtp_layers", default: 0)
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    for (key, expected) in [
      ("use_head_wise_attn_gate", true), ("use_qk_norm", true), ("use_moe_router_bias", true),
      ("norm_expert_weight", true), ("mlp_bias", false),
    ] {
      try config.expect(key, try config.flag(key, default: expected), is: expected)
    }
    let scoring = try config.string("moe_router_activation", default: "sigmoid")
    try config.expect("moe_router_activation", scoring, is: "sigmoid")
    isWindowed = try Self.windowedLayers(config, layers: count)
    attention = try Self.attention(config, width: frame.width, hasWindows: isWindowed.contains(true))
    let size = attention.whole.headDimension
    scoreScale = Float(1 / (try config.positive("query_pre_attn_scalar", default: Double(size))).squareRoot())
    rotary = try Self.rotary(config, headDimension: size, contextLength: frame.contextLength, isWindowed)
    isDense = try Self.denseLayers(config, layers: count)
    denseWidth = try config.size("intermediate_size")
    expertWidth = try config.size("moe_intermediate_size")
    sharedWidth = try config.size("share_expert_dim", "share_expert_dims")
    limits = (
      experts: try Self.limits(config, "swiglu_limits", layers: count),
      others: try Self.limits(config, "swiglu_limits_shared", layers: count)
    )
    let experts = try config.size("n_routed_experts", "moe_num_experts", "num_local_experts")
    let topK = try config.size("num_experts_per_tok", "moe_top_k")
    try config.require(topK <= experts, "moe_top_k", "\(topK) of \(experts) experts")
    routing = ExpertSelection(
      expertCount: experts, topK: topK, scoring: .sigmoid, normalized: true,
      scale: try config.number("moe_router_scaling_factor", default: 1))
  }

  private static func windowedLayers(_ config: ConfigReader, layers: Int) throws(ModelError) -> [Bool] {
    guard let kinds = try config.strings("layer_types") else { return Array(repeating: false, count: layers) }
    // Published files list the layers behind the last as well.
    try config.require(
      kinds.count >= layers && kinds.allSatisfy { ["full_attention", "sliding_attention"].contains($0) },
      "layer_types", "expected \(layers) of full_attention or sliding_attention")
    return kinds.prefix(layers).map { $0 == "sliding_attention" }
  }

  private static func attention(
    _ config: ConfigReader, width: Int, hasWindows: Bool
  ) throws(ModelError) -> (whole: Attention.Shape, windowed: Attention.Shape) {
    let heads = try config.size("num_attention_heads")
    let keyHeads = try config.size("num_key_value_heads", "num_attention_groups", default: heads)
    try config.require(heads % keyHeads == 0, "num_attention_groups", "\(keyHeads) does not divide \(heads) heads")
    let size = try config.size("head_dim", default: 128)
    let bias = try config.flag("attention_bias", default: false)
    var whole = Attention.Shape(
      width: width, queryHeads: heads, keyHeads: keyHeads, headDimension: size, bias: bias, outputBias: bias)
    whole.hasHeadGates = true
    var others = try config.size("num_sliding_attention_heads", default: heads)
    if let setting = try config.object("attention_other_setting") {
      setting.ignore(["attention_type", "true_head_dim"])
      others = try setting.size("num_attention_heads", default: others)
      let groups = try setting.size("num_attention_groups", default: keyHeads)
      try setting.require(
        groups == keyHeads, "num_attention_groups", "\(groups), expected \(keyHeads) as in other layers")
      try setting.require(
        try setting.size("head_dim", default: size) == size, "head_dim", "expected \(size) as in other layers")
    }
    try config.require(
      others % keyHeads == 0, "num_sliding_attention_heads", "\(keyHeads) does not divide \(others) heads")
    var windowed = Attention.Shape(
      width: width, queryHeads: others, keyHeads: keyHeads, headDimension: size, bias: bias, outputBias: bias)
    windowed.hasHeadGates = true
    if hasWindows { windowed.window = try config.length("sliding_window") }
    config.ignore(["sliding_window"])
    return (whole, windowed)
  }

  /// Positions of layers that see everything and of those with windows: by `rope_parameters`, or by a base and a share of
  /// heads for each layer, of which those that see everything are stretched.
  private static func rotary(
    _ config: ConfigReader, headDimension size: Int, contextLength: Int, _ isWindowed: [Bool]
  ) throws(ModelError) -> (whole: RotaryEmbedding, windowed: RotaryEmbedding) {
    if config.has("rope_parameters") {
      return (
        whole: try config.rotary(headDimension: size, contextLength: contextLength, theta: 10_000, part: 1),
        windowed: try config.windowedRotary(
          headDimension: size, contextLength: contextLength, base: "rope_theta", theta: 10_000, part: 1)
      )
    }
    let bases =
      config.isList("rope_theta")
      ? try config.positives("rope_theta") : [try config.positive("rope_theta", default: 10_000)]
    let parts = config.has("partial_rotary_factors") ? try config.positives("partial_rotary_factors") : [1]
    for (key, count) in [("rope_theta", bases.count), ("partial_rotary_factors", parts.count)] {
      try config.require(
        count == 1 || count >= isWindowed.count, key, "\(count) numbers, expected one or \(isWindowed.count)")
    }
    let scaling = try config.object("rope_scaling")
    config.ignore(["yarn_only_types"])
    func embedding(_ isWindowed: Bool, first index: Int) throws(ModelError) -> RotaryEmbedding {
      try config.rotary(
        headDimension: size, base: bases.count == 1 ? bases[0] : bases[index],
        part: parts.count == 1 ? parts[0] : parts[index], stretchedBy: isWindowed ? nil : scaling,
        contextLength: contextLength, key: "partial_rotary_factors")
    }
    return (
      whole: try embedding(false, first: isWindowed.firstIndex(of: false) ?? 0),
      windowed: try embedding(true, first: isWindowed.firstIndex(of: true) ?? 0)
    )
  }

  /// Whether each layer has no experts: by `mlp_layer_types`, or by the numbers of those that have, in a list or a text with
  /// commas between them; without either the first three.
  private static func denseLayers(_ config: ConfigReader, layers: Int) throws(ModelError) -> [Bool] {
    if let kinds = try config.strings("mlp_layer_types") {
      config.ignore(["moe_layers_enum"])
      try config.require(
        kinds.count >= layers && kinds.allSatisfy { ["dense", "sparse"].contains($0) }, "mlp_layer_types",
        "expected \(layers) of dense or sparse")
      return kinds.prefix(layers).map { $0 == "dense" }
    }
    guard config.has("moe_layers_enum") else { return (0..<layers).map { $0 < 3 } }
    let sparse: Set<Int>
    if config.isList("moe_layers_enum") {
      sparse = try config.indices("moe_layers_enum")
    } else {
      let numbers = try config.string("moe_layers_enum").split(separator: ",", omittingEmptySubsequences: true)
      let indices = numbers.compactMap { Int($0.filter { $0 != " " }) }
      try config.require(
        indices.count == numbers.count, "moe_layers_enum", "expected numbers of layers with commas between them")
      sparse = Set(indices)
    }
    return (0..<layers).map { !sparse.contains($0) }
  }

  private static func limits(_ config: ConfigReader, _ key: String, layers: Int) throws(ModelError) -> [Float] {
    guard let limits = try config.amounts(key) else { return Array(repeating: 0, count: layers) }
    try config.require(
      limits.count >= layers, key, "\(limits.count) numbers, expected one for each of \(layers) layers")
    return Array(limits.prefix(layers))
  }

  /// All norms are stored as differences from one.
  var storedForms: [StoredForm] {
    ["input_layernorm", "post_attention_layernorm", "q_norm", "k_norm", "norm"].flatMap(StoredForm.normFromOne)
  }

  /// Text models inside others have had two paths.
  var storedPrefixes: [StoredPrefix] { StoredPrefix.ofTextModels }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    let scopes = weights["model"]["layers"]
    for index in isDense.indices {
      let layer = scopes[index]
      let heads = layer["self_attn"]
      let shape = isWindowed[index] ? attention.windowed : attention.whole
      let mixer = try Attention(
        heads, shape, rotary: isWindowed[index] ? rotary.windowed : rotary.whole,
        headNorm: .usual(heads, headDimension: shape.headDimension, epsilon: frame.epsilon), scale: scoreScale,
        state: &state)
      let network: any Mixer =
        isDense[index]
        ? try FeedForward.gated(
          layer["mlp"], activation(limits.others[index]), width: frame.width, hidden: denseWidth)
        : try experts(layer, index)
      layers.append(try LayerNorms.usual.layer(layer, frame, mixer, network))
    }
    // They take no part in the forward pass.
    for index in 0..<layersAhead { scopes.discard("\(layerCount + index).") }
    weights.discardSight("vision_model.", "vit_large_projector.", "multi_modal_projector.")
    return layers
  }

  private func activation(_ limit: Float) -> Experts.Activation {
    limit > 0 ? .boundedSiluGated(limit: limit) : .siluGated
  }

  private func experts(_ layer: WeightScope, _ index: Int) throws(ModelError) -> MixtureOfExperts {
    let (weights, count) = (layer["moe"], routing.expertCount)
    var selection = routing
    selection.selectionBias = try weights.vector("router_bias", count: count)
    return MixtureOfExperts(
      router: try Linear(weights["gate"], input: frame.width, output: count, role: .exact), selection: selection,
      experts: try Experts(
        stacked: weights, first: ["gate_proj.weight", "up_proj.weight"], second: "down_proj.weight", count: count,
        width: frame.width, hidden: expertWidth, activation: activation(limits.experts[index]), layer: index),
      shared: try .gated(
        layer["share_expert"], activation(limits.others[index]), width: frame.width, hidden: sharedWidth))
  }
}
