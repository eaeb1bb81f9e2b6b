internal import InferCore

/// Qwen3-Next and the text models of Qwen3.5: Gated DeltaNet in most layers and gated attention with norms of query and key
/// heads in the others, then SwiGLU, or experts beside a gated shared one.
struct Qwen3Next: ModelFamily {
  static let models = "Qwen3-Next, Qwen3.5 (text)"
  static let layers = "Gated DeltaNet, gated attention, experts"
  static let modelTypes = [
    "qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text",
  ]
  /// Images and films, and layers that predict tokens further ahead.
  static let inertKeys = [
    "image_token_id", "language_model_only", "mamba_ssm_dtype", "mtp_num_hidden_layers", "mtp_use_dedicated_embeddings",
    "video_token_id", "vision_config", "vision_end_token_id", "vision_start_token_id",
  ]

  private(set) var frame: ModelFrame
  /// The path of the layers' parent in the checkpoint.
  let path: [String]
  let isLinear: [Bool]
  let isDense: [Bool]
  let attention: Attention.Shape
  let rotary: RotaryEmbedding
  let delta: GatedDeltaNet.Shape
  let denseWidth: Int
  let selection: ExpertSelection?
  let expertWidth: Int
  let sharedWidth: Int

  var layerCount: Int { isLinear.count }

  init(_ config: ConfigReader) throws(ModelError) {
    let modelType = try config.string("model_type")
    let text = try config.object("text_config")
    text?.ignore(Families.inertKeys + Self.inertKeys)
    try self.init(text ?? config, modelType: modelType)
    // Qwen3.5 has this one inside and outside, and outside it counts.
    frame.isTied = try config.flag("tie_word_embeddings", default: frame.isTied)
    frame.isTiedWithoutHead = frame.isTiedWithoutHead && !config.has("tie_word_embeddings")
  }

  private init(_ config: ConfigReader, modelType: String) throws(ModelError) {
    path = modelType.hasPrefix("qwen3_5") ? ["model", "language_model"] : ["model"]
    var frame = try ModelFrame(config)
    frame.embedding = (path + ["embed_tokens"]).joined(separator: ".")
    frame.norm = (path + ["norm"]).joined(separator: ".")
    self.frame = frame
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("attention_bias", try config.flag("attention_bias", default: false), is: false)
    try config.expect("attn_output_gate", try config.flag("attn_output_gate", default: true), is: true)
    try config.expectNoSlidingWindow(contextLength: frame.contextLength)
    isLinear = try Self.layers(config)
    var attention = try config.attentionShape(width: frame.width, bias: false)
    attention.isGated = true
    self.attention = attention
    rotary = try config.rotary(
      headDimension: attention.headDimension, contextLength: frame.contextLength, theta: 10_000, part: 0.25)
    delta = try Self.deltaShape(config, width: frame.width)
    let hasExperts = modelType.hasPrefix("qwen3_5_moe") || modelType == "qwen3_next"
    let period = try config.size("decoder_sparse_step", default: 1)
    let dense = try config.indices("mlp_only_layers")
    isDense = isLinear.indices.map { !hasExperts || dense.contains($0) || ($0 + 1) % period != 0 }
    denseWidth = isDense.contains(true) ? try config.size("intermediate_size") : 0
    config.ignore(["intermediate_size"])
    guard hasExperts else {
      (selection, expertWidth, sharedWidth) = (nil, 0, 0)
      return
    }
    let experts = try config.size("num_experts", "num_local_experts")
    let topK = try config.chosenExperts(of: experts)
    selection = ExpertSelection(
      expertCount: experts, topK: topK, scoring: .softmax,
      normalized: try config.flag("norm_topk_prob", default: true))
    expertWidth = try config.size("moe_intermediate_size")
    sharedWidth = try config.size("shared_expert_intermediate_size")
  }

  /// Whether each layer is one of linear attention.
  private static func layers(_ config: ConfigReader) throws(ModelError) -> [Bool] {
    let count = try config.size("num_hidden_layers")
    let interval = try config.size("full_attention_interval", default: 4)
    guard let kinds = try config.strings("layer_types") else {
      return (1...count).map { $0 % interval != 0 }
    }
    try config.require(
      kinds.count == count && kinds.allSatisfy { ["linear_attention", "full_attention"].contains($0) }, "layer_types",
      "expected \(count) of linear_attention or full_attention")
    return kinds.map { $0 == "linear_attention" }
  }

  static func deltaShape(
    _ config: ConfigReader, width: Int, heads: Int = 32, keyHeads: Int = 16
  ) throws(ModelError) -> GatedDeltaNet.Shape {
    let heads = try config.size("linear_num_value_heads", default: heads)
    let keyHeads = try config.size("linear_num_key_heads", default: keyHeads)
    try config.require(
      heads % keyHeads == 0, "linear_num_key_heads", "\(keyHeads) does not divide \(heads) value heads")
    return GatedDeltaNet.Shape(
      width: width, heads: heads, keyHeads: keyHeads,
      keyDimension: try config.size("linear_key_head_dim", default: 128),
      valueDimension: try config.size("linear_value_head_dim", default: 128),
      taps: try config.size("linear_conv_kernel_dim", default: 4),
      tilesValues: try config.flag("linear_value_heads_tiled", default: false))
  }

  /// All norms but those behind delta rules are stored as differences from one.
  var storedForms: [StoredForm] {
    let norms = ["input_layernorm", "post_attention_layernorm", "q_norm", "k_norm", frame.norm]
    return [.decayRates] + norms.flatMap(StoredForm.normFromOne)
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    let model = path.reduce(weights) { $0[$1] }
    var layers: [Layer] = []
    for index in isLinear.indices {
      let layer = model["layers"][index]
      let mixer: any Mixer
      if isLinear[index] {
        mixer = try GatedDeltaNet(layer["linear_attn"], delta, epsilon: frame.epsilon, state: &state)
      } else {
        let heads = layer["self_attn"]
        mixer = try Attention(
          heads, attention, rotary: rotary,
          headNorm: .usual(heads, headDimension: attention.headDimension, epsilon: frame.epsilon),
          state: &state)
      }
      layers.append(
        Layer(
          try ResidualBlock(layer, norm: "input_layernorm", frame, mixer),
          try ResidualBlock(layer, norm: "post_attention_layernorm", frame, feedForward(layer["mlp"], index))))
    }
    // The prediction of tokens further ahead takes no part in the forward pass.
    weights.discard("mtp.")
    weights["model"].discard("visual.", remark: "the model sees text only, no images and no films")
    return layers
  }

  private func feedForward(_ weights: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    guard let selection, !isDense[index] else {
      return try FeedForward.swiGLU(weights, width: frame.width, hidden: denseWidth)
    }
    return MixtureOfExperts(
      router: try Linear(weights["gate"], input: frame.width, output: selection.expertCount, role: .exact),
      selection: selection,
      experts: try Experts(
        gatedOneByOneOrStacked: weights["experts"], count: selection.expertCount, width: frame.width,
        hidden: expertWidth, layer: index),
      shared: try .swiGLU(weights["shared_expert"], width: frame.width, hidden: sharedWidth),
      sharedGate: try Linear(weights["shared_expert_gate"], input: frame.width, output: 1, role: .exact))
  }
}
