internal import InferCore

/// The text model of Inkling: attention whose scores have biases by distance in place of rotation, in most layers within a
/// window and with other heads there; short convolutions of keys, of values and behind every mixer; dense layers first, then
/// experts chosen by biased sigmoid scores beside some that every token is sent to.
struct Inkling: ModelFamily {
  static let models = "Inkling (text)"
  static let layers = "attention with relative positions, in windows as well, and short convolutions; experts"
  static let modelTypes = ["inkling_mm_model", "inkling_text"]
  /// Images and sounds, layers that predict tokens further ahead, and an ε that nothing is computed with.
  static let inertKeys = [
    "audio_bos_token_id", "audio_config", "audio_token_id", "chain_hidden_post_norm", "image_bos_token_id",
    "image_token_id", "mtp_config", "mtp_hidden_states_first", "mtp_local_layer_ids", "num_mtp_layers",
    "number_of_conv_states", "rms_norm_eps_moe_gate", "vision_config",
  ]

  private(set) var frame: ModelFrame
  /// One a layer.
  let attention: [Attention.Shape]
  let taps: Int
  let isDense: [Bool]
  let denseWidth: Int
  let expertWidth: Int
  /// The number of experts that tokens choose from, and of those that all are sent to.
  let experts: (chosen: Int, shared: Int)
  /// The number of experts that a token chooses.
  let topK: Int
  let routeScale: Float

  var layerCount: Int { isDense.count }

  init(_ config: ConfigReader) throws(ModelError) {
    guard try config.string("model_type") == "inkling_mm_model" else {
      try self.init(text: config)
      return
    }
    guard let text = try config.object("text_config") else {
      throw config.wrong("text_config", because: "is missing, expected the configuration of the text model")
    }
    text.ignore(Families.inertKeys + Self.inertKeys)
    try config.expect("tie_word_embeddings", try config.flag("tie_word_embeddings", default: false), is: false)
    try self.init(text: text)
  }

  private init(text config: ConfigReader) throws(ModelError) {
    frame = try Self.frame(config)
    frame.logitScale = Float(
      1 / (try config.positive("logits_mup_width_multiplier", "embedding_multiplier", default: 24)))
    let count = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    taps = try config.size("conv_kernel_size", "sconv_kernel_size", default: 4)
    attention = try Self.attention(
      config, try Self.windowedLayers(config, count), width: frame.width, taps: taps, heads: 64, windowedKeyHeads: 16,
      window: 512)
    isDense = try Self.denseLayers(config, count)
    (denseWidth, expertWidth) = try Self.widths(config)
    try config.expect("shared_expert_sink", try config.flag("shared_expert_sink", default: true), is: true)
    experts = (
      chosen: try config.size("n_routed_experts", "num_local_experts"),
      shared: try config.size("n_shared_experts", default: 2)
    )
    topK = try config.chosenExperts(of: experts.chosen)
    routeScale = try config.number("route_scale", default: 8)
  }

  /// The parts around the layers, with a norm of embedded tokens, and as many logits as there are tokens.
  static func frame(_ config: ConfigReader) throws(ModelError) -> ModelFrame {
    var frame = try ModelFrame(config, epsilon: 1e-6)
    try config.expect("tie_word_embeddings", frame.isTied, is: false)
    frame.isTiedWithoutHead = false
    frame.embeddingNorm = "model.embed_tokens.embed_norm"
    let tokens = try config.size("unpadded_vocab_size", default: frame.vocabularySize)
    if tokens < frame.vocabularySize {
      frame.storedVocabularySize = frame.vocabularySize
      frame.vocabularySize = tokens
    }
    return frame
  }

  /// The sizes of attention in each layer.
  ///
  /// - Parameters:
  ///   - config: the configuration.
  ///   - isWindowed: whether each layer has a window.
  ///   - width: the width of the residual stream.
  ///   - taps: the taps of convolutions.
  ///   - fallback: the number of heads where the configuration does not say.
  ///   - windowedKeyHeads: that of key heads in windows.
  ///   - windowSize: that of tokens of a window.
  ///   - growthLength: that of positions without growth; `nil` where there is no growth then.
  static func attention(
    _ config: ConfigReader, _ isWindowed: [Bool], width: Int, taps: Int, heads fallback: Int, windowedKeyHeads: Int,
    window windowSize: Int, growthLength: Int? = nil
  ) throws(ModelError) -> [Attention.Shape] {
    let profiles = try config.size("d_rel", default: 16)
    func shape(_ prefix: String, keyHeads others: Int, distances: Int) throws(ModelError) -> Attention.Shape {
      let heads = try config.size("\(prefix)num_attention_heads", default: fallback)
      let keyHeads = try config.size("\(prefix)num_key_value_heads", default: others)
      try config.require(
        heads % keyHeads == 0, "\(prefix)num_key_value_heads", "\(keyHeads) does not divide \(heads) heads")
      var shape = Attention.Shape(
        width: width, queryHeads: heads, keyHeads: keyHeads,
        headDimension: try config.size("\(prefix)head_dim", default: 128))
      shape.convolutionTaps = taps
      shape.relative = RelativePositions.Shape(profiles: profiles, distances: distances)
      return shape
    }
    var whole = try shape("", keyHeads: 8, distances: try config.size("rel_extent", default: 1024))
    // The longest distance of a window has a bias as well.
    let window = try config.size("sliding_window_size", "sliding_window", default: windowSize)
    var windowed = try shape("swa_", keyHeads: windowedKeyHeads, distances: window)
    windowed.window = window
    let strength = try config.number("log_scaling_alpha", default: 0.1)
    if let length = try config.optionalLength("log_scaling_n_floor", default: growthLength) {
      whole.queryGrowth = .smooth(strength: strength, length: length)
    }
    return isWindowed.map { $0 ? windowed : whole }
  }

  /// Whether each layer has a window: by `layer_types`, or by the numbers of those that have; without either five of six.
  private static func windowedLayers(_ config: ConfigReader, _ count: Int) throws(ModelError) -> [Bool] {
    var isLocal = (0..<count).map { ($0 + 1) % 6 != 0 }
    if config.has("local_layer_ids"), !config.has("layer_types") {
      let local = try config.indices("local_layer_ids")
      isLocal = (0..<count).map(local.contains)
    }
    config.ignore(["local_layer_ids"])
    return try config.layerTypes(count, of: ["hybrid", "hybrid_sliding"]) {
      isLocal[$0] ? "hybrid_sliding" : "hybrid"
    }.map { $0 == "hybrid_sliding" }
  }

  /// Whether each layer has no experts: by `mlp_layer_types`, or the first `dense_mlp_idx`.
  private static func denseLayers(_ config: ConfigReader, _ count: Int) throws(ModelError) -> [Bool] {
    guard let kinds = try config.strings("mlp_layer_types") else {
      let dense = try config.count("dense_mlp_idx", default: 0)
      return (0..<count).map { $0 < dense }
    }
    config.ignore(["dense_mlp_idx"])
    try config.require(
      kinds.count == count && kinds.allSatisfy { ["dense", "sparse"].contains($0) }, "mlp_layer_types",
      "expected \(count) of dense or sparse")
    return kinds.map { $0 == "dense" }
  }

  /// The inner widths of dense networks and of experts. Published files have that of experts where transformers has the other.
  private static func widths(_ config: ConfigReader) throws(ModelError) -> (dense: Int, expert: Int) {
    if config.has("dense_intermediate_size") {
      config.ignore(["moe_intermediate_size"])
      return (try config.size("dense_intermediate_size"), try config.size("intermediate_size"))
    }
    return (try config.size("intermediate_size"), try config.size("moe_intermediate_size"))
  }

  /// Published files have other names, and rows of gates and ups in turn.
  var storedForms: [StoredForm] {
    let attention = [
      ("q_proj.weight", "wq_du.weight"), ("k_proj.weight", "wk_dv.weight"), ("v_proj.weight", "wv_dv.weight"),
      ("r_proj.weight", "wr_du.weight"), ("o_proj.weight", "wo_ud.weight"), ("q_norm.weight", "q_norm.weight"),
      ("k_norm.weight", "k_norm.weight"), ("k_sconv.conv1d.weight", "k_sconv.weight"),
      ("v_sconv.conv1d.weight", "v_sconv.weight"), ("rel_logits_proj.proj", "rel_logits_proj.proj"),
    ]
    return Self.frameForms + Self.expertForms
      + attention.map { .renamed("self_attn.\($0.0)", from: "attn.\($0.1)") }
      + [
        .renamed("attn_sconv.conv1d.weight", from: "attn_sconv.weight"),
        .renamed("mlp_sconv.conv1d.weight", from: "mlp_sconv.weight"),
        .renamed("mlp.down_proj.weight", from: "mlp.w2_md.weight"),
        .gatesAboveUps("mlp.gate_up_proj.weight", from: "mlp.w13_dn.weight"),
        .renamed("mlp.shared_experts.down_proj", from: "mlp.shared_experts.shared_w2_weight"),
        .gatesAboveUps("mlp.shared_experts.gate_up_proj", from: "mlp.shared_experts.shared_w13_weight"),
      ]
  }

  /// The embedding and the norms of layers, by their names in published files.
  static let frameForms: [StoredForm] = [
    .renamed("embed_tokens.weight", from: "embed.weight"),
    .renamed("embed_tokens.embed_norm.weight", from: "embed_norm.weight"),
    .renamed("input_layernorm.weight", from: "attn_norm.weight"),
    .renamed("post_attention_layernorm.weight", from: "mlp_norm.weight"),
  ]

  /// Experts and their router, by their names in published files.
  static let expertForms: [StoredForm] = [
    .renamed("mlp.gate.e_score_correction_bias", from: "mlp.gate.bias"),
    .gatesAboveUps("mlp.experts.gate_up_proj", from: "mlp.experts.w13_weight"),
    .renamed("mlp.experts.down_proj", from: "mlp.experts.w2_weight"),
  ]

  /// The text model inside others has had several paths.
  static let prefixes =
    [StoredPrefix("model.", stored: "model.llm."), StoredPrefix("lm_head.", stored: "model.llm.unembed.")]
    + StoredPrefix.ofTextModels

  var storedPrefixes: [StoredPrefix] { Self.prefixes }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in isDense.indices {
      let layer = weights["model"]["layers"][index]
      let (shape, heads) = (attention[index], layer["self_attn"])
      // Queries and keys are normalised: scores are divided by the width.
      let mixer = try Attention(
        heads, shape, rotary: nil,
        headNorm: .usual(heads, headDimension: shape.headDimension, epsilon: frame.epsilon),
        scale: 1 / Float(shape.headDimension), state: &state)
      let convolved = ConvolvedMixer(
        mixer,
        try ResidualConvolution(layer["attn_sconv"], channels: frame.width, taps: taps, state: &state))
      let network = ConvolvedMixer(
        isDense[index]
          ? try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: denseWidth)
          : try mixture(layer["mlp"], index),
        // A factor behind a network is one behind its convolution.
        try ResidualConvolution(
          layer["mlp_sconv"], channels: frame.width, taps: taps,
          scale: isDense[index] ? try layer["mlp"].vector("global_scale", count: 1)[0] : 1, state: &state))
      layers.append(try LayerNorms.usual.layer(layer, frame, convolved, network))
    }
    weights.discardSight("vision_tower.", "visual.")
    for part in ["audio_tower.", "audio."] {
      weights.discard("model." + part, remark: "the model reads text only, no sounds")
    }
    // They predict tokens further ahead, and take no part in the forward pass.
    for path in ["model.", "model.llm.", "model.language_model."] { weights.discard(path + "mtp.") }
    return layers
  }

  private func mixture(_ weights: WeightScope, _ index: Int) throws(ModelError) -> MixtureOfExperts {
    let (count, width) = (experts.chosen + experts.shared, frame.width)
    let bias = try weights.vector("gate.e_score_correction_bias", count: experts.chosen)
    var selection = ExpertSelection(
      expertCount: count, topK: topK + experts.shared, scoring: .sigmoid, normalized: true,
      scale: routeScale * (try weights.vector("gate.global_scale", count: 1)[0]),
      selectionBias: bias + Array(repeating: 0, count: experts.shared))
    selection.alwaysCount = experts.shared
    let shared = weights["shared_experts"]
    return MixtureOfExperts(
      router: try Linear(weights["gate"], input: width, output: count, role: .exact), selection: selection,
      experts: try Experts(
        stacks: [
          .init(weights: weights["experts"], first: ["gate_up_proj"], second: "down_proj", count: experts.chosen),
          .init(
            weights: shared, first: shared.has("gate_up_proj") ? ["gate_up_proj"] : ["gate_proj", "up_proj"],
            second: "down_proj", count: experts.shared),
        ], width: width, hidden: expertWidth, activation: .siluGated, layer: index))
  }
}

extension StoredForm {
  /// Gates above ups, stored as rows that take turns.
  fileprivate static func gatesAboveUps(_ name: String, from stored: String) -> StoredForm {
    StoredForm(name, from: stored) { tensor throws(ModelError) in try tensor.gatesAboveUps() }
  }
}

extension Tensor {
  /// A matrix, or each of a stack, of which rows of gates and of ups take turns, with the gates above the ups.
  fileprivate func gatesAboveUps() throws(ModelError) -> Tensor {
    let rows = shape[shape.count - 2]
    let half = rows / 2
    return try renamed(name, shape: [count / max(1, shape[shape.count - 1]), shape[shape.count - 1]])
      .reordered(name) { place in
        let row = place % rows
        return place - row + (row < half ? 2 * row : 2 * (row - half) + 1)
      }.renamed(name, shape: shape)
  }
}
