public import InferCore

/// DeepSeek-V2 and V3 (arXiv 2405.04434, 2412.19437) and those built like them: latent attention; dense layers first, then
/// experts within the best groups, beside an ungated shared one. V3 chooses them by biased sigmoid scores, V2 by softmax. Rows
/// of V3.2 see keys that a scorer chooses.
struct DeepSeek: ModelFamily {
  static let models = "DeepSeek-V2, V3, V3.1, V3.2, R1; Kimi K2"
  static let layers = "latent attention, indexed as well; experts in groups"
  static let modelTypes = ["deepseek_v2", "deepseek_v3", "deepseek_v32", "kimi_k2"]
  /// Keys of training, keys that follow from others, and keys of layers that predict tokens further ahead.
  static let inertKeys = [
    "aux_loss_alpha", "ep_size", "head_dim", "num_key_value_heads", "num_mtp_layers", "num_nextn_predict_layers",
    "qk_head_dim", "seq_aux",
  ]

  let frame: ModelFrame
  let layerCount: Int
  let denseLayers: Int
  let attention: LatentAttention.Shape
  let scoreScale: Float
  /// The multiplier of YaRN's logarithm in the factor on scores, `mscale_all_dim`; 0 for none.
  let scoreMagnitude: Double
  let rotary: RotaryEmbedding
  let denseWidth: Int
  let expertWidth: Int
  let sharedExperts: Int
  /// The choice of experts, but for the bias of sigmoid scores, of which each layer has its own.
  let routing: ExpertSelection
  /// The scorer that chooses keys and its positions; `nil` where rows see all keys.
  let indexer: (shape: KeyIndexer.Shape, rotary: RotaryEmbedding)?

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    layerCount = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("moe_layer_freq", try config.count("moe_layer_freq", default: 1), is: 1)
    let isIndexed = try config.string("model_type") == "deepseek_v32"
    try config.expect("mlp_bias", try config.flag("mlp_bias", default: false), is: false)
    attention = try config.latentAttentionShape(width: frame.width)
    scoreScale = try config.latentScoreScale(attention)
    scoreMagnitude = try config.latentScoreMagnitude()
    rotary = try config.rotary(
      headDimension: attention.sharedKeyDimension, contextLength: frame.contextLength, theta: 10_000,
      pairing: try config.flag("rope_interleave", default: true) ? .adjacent : .halves, key: "qk_rope_head_dim")
    denseLayers = try Self.denseLayers(config, of: layerCount, default: isIndexed ? 3 : 0)
    denseWidth = try config.size("intermediate_size")
    expertWidth = try config.size("moe_intermediate_size")
    sharedExperts = try config.count("n_shared_experts", default: 0)
    routing =
      try config.string("model_type") == "deepseek_v2" ? try config.softmaxRouting() : try config.sigmoidRouting()
    indexer = isIndexed ? try Self.indexer(config, attention, width: frame.width, frame.contextLength) : nil
  }

  /// The number of dense layers, which come first.
  private static func denseLayers(
    _ config: ConfigReader, of layers: Int, default fallback: Int
  ) throws(ModelError) -> Int {
    let isDense = try config.denseLayers(layers, first: fallback)
    let count = isDense.prefix { $0 }.count
    try config.require(
      !isDense.dropFirst(count).contains(true), "mlp_layer_types", "expected dense layers first, then sparse ones")
    return count
  }

  /// The scorer of indexed attention, and its positions.
  static func indexer(
    _ config: ConfigReader, _ attention: LatentAttention.Shape, width: Int, _ contextLength: Int, heads: Int = 64
  ) throws(ModelError) -> (shape: KeyIndexer.Shape, rotary: RotaryEmbedding) {
    guard let rank = attention.queryRank else {
      throw config.wrong("q_lora_rank", because: "is missing, expected the rank that indices are made of")
    }
    if let kinds = try config.strings("layer_types") {
      try config.require(
        kinds.allSatisfy { $0 == "indexed_attention" }, "layer_types", "expected indexed_attention in every layer")
    }
    let shape = KeyIndexer.Shape(
      width: width, queryRank: rank, heads: try config.size("index_n_heads", default: heads),
      dimension: try config.size("index_head_dim", default: 128), count: try config.size("index_topk", default: 2048))
    let rotated = attention.sharedKeyDimension
    try config.require(
      rotated <= shape.dimension, "index_head_dim", "\(shape.dimension), of which \(rotated) are to be rotated")
    // Positions are told by numbers of single precision.
    try config.require(contextLength <= 1 << 24, "max_position_embeddings", "\(contextLength), expected at most 2^24")
    return (
      shape,
      try config.rotary(
        headDimension: rotated, contextLength: contextLength, theta: 10_000, key: "qk_rope_head_dim")
    )
  }

  var storedForms: [StoredForm] { attention.storedForms }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    let scopes = weights["model"]["layers"]
    for index in 0..<layerCount {
      let layer = scopes[index]
      layer["self_attn"].discard("rotary_emb.inv_freq")
      var attention = try LatentAttention(
        layer["self_attn"], attention, rotary: rotary, scale: scoreScale, state: &state)
      if let indexer {
        attention.indexer = try KeyIndexer(
          layer["self_attn"]["indexer"], indexer.shape, rotary: indexer.rotary, state: &state)
      }
      let mixing = try ResidualBlock(layer, norm: "input_layernorm", frame, attention)
      let mlp: any Mixer =
        index < denseLayers
        ? try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: denseWidth)
        : try MixtureOfExperts(
          deepSeek: layer["mlp"], routing, width: frame.width, hidden: expertWidth, shared: sharedExperts, layer: index)
      layers.append(Layer(mixing, try ResidualBlock(layer, norm: "post_attention_layernorm", frame, mlp)))
    }
    // Layers behind the last predict tokens further ahead; they take no part in the forward pass.
    scopes.discard("\(layerCount).")
    return layers
  }

}

extension MixtureOfExperts {
  /// Reads experts as DeepSeek has them: a router, with a bias for the choice where it is by sigmoid scores, and `shared`
  /// experts as one.
  ///
  /// - Parameters:
  ///   - routing: the choice of experts, but for the bias.
  ///   - names: the names of the routed experts' matrices.
  init(
    deepSeek weights: WeightScope, _ routing: ExpertSelection, width: Int, hidden: Int, shared: Int,
    names: GatedNames = .projections, layer: Int
  ) throws(ModelError) {
    var selection = routing
    if routing.scoring == .sigmoid {
      selection.selectionBias = try weights.vector("gate.e_score_correction_bias", count: routing.expertCount)
    }
    try self.init(
      weights, router: "gate", selection: selection, width: width, hidden: hidden, names: names,
      shared: shared > 0 ? try .swiGLU(weights["shared_experts"], width: width, hidden: shared * hidden) : nil,
      layer: layer)
  }
}

extension ConfigReader {
  /// The sizes of latent attention, as DeepSeek spells them.
  public func latentAttentionShape(width: Int) throws(ModelError) -> LatentAttention.Shape {
    LatentAttention.Shape(
      width: width, heads: try size("num_attention_heads"),
      queryRank: has("q_lora_rank") ? try size("q_lora_rank") : nil, latentDimension: try size("kv_lora_rank"),
      keyDimension: try size("qk_nope_head_dim"), sharedKeyDimension: try size("qk_rope_head_dim"),
      valueDimension: try size("v_head_dim"),
      bias: try flag("attention_bias", default: false))
  }

  /// The factor on scores: `1 / √queryDimension`, and for contexts that are stretched, YaRN's magnitude twice, because it
  /// stands on the whole of queries and keys, not on the part that is rotated alone.
  public func latentScoreScale(_ shape: LatentAttention.Shape) throws(ModelError) -> Float {
    let plain = 1 / Double(shape.queryDimension).squareRoot()
    let m = try latentScoreMagnitude()
    guard m != 0, let parameters = try ropeParameters() else { return Float(plain) }
    let magnitude = RotaryFrequencies.yarnMagnitude(scale: try ropeFactor(parameters), m: m)
    return Float(plain * magnitude * magnitude)
  }

  /// The multiplier of the logarithm in YaRN's magnitude, where scores have that magnitude; else 0.
  func latentScoreMagnitude() throws(ModelError) -> Double {
    guard let parameters = try ropeParameters(), try parameters.ropeKind() != "default" else { return 0 }
    return Double(try parameters.number("mscale_all_dim", default: 0))
  }

  /// DeepSeek-V3's choice of experts.
  ///
  /// - Parameter fallback: the factor on their weights where the file has none.
  func sigmoidRouting(scale fallback: Float = 1) throws(ModelError) -> ExpertSelection {
    try expect("topk_method", try string("topk_method", default: "noaux_tc"), is: "noaux_tc")
    try expect("scoring_func", try string("scoring_func", default: "sigmoid"), is: "sigmoid")
    let (experts, topK, groups) = try groupedExperts(isGrouped: true)
    return ExpertSelection(
      expertCount: experts, topK: topK, scoring: .sigmoid,
      normalized: try flag("norm_topk_prob", "moe_renormalize", default: true),
      scale: try number("routed_scaling_factor", default: fallback),
      groups: groups)
  }

  /// DeepSeek-V2's choice of experts: of all, or within the groups that hold the best single ones.
  fileprivate func softmaxRouting() throws(ModelError) -> ExpertSelection {
    let method = try string("topk_method", default: "greedy")
    try require(
      ["greedy", "group_limited_greedy"].contains(method), "topk_method",
      "\(method) is not supported, expected greedy or group_limited_greedy")
    try expect("scoring_func", try string("scoring_func", default: "softmax"), is: "softmax")
    try expect("norm_topk_prob", try flag("norm_topk_prob", default: false), is: false)
    let (experts, topK, groups) = try groupedExperts(isGrouped: method == "group_limited_greedy")
    return ExpertSelection(
      expertCount: experts, topK: topK, scoring: .softmax, scale: try number("routed_scaling_factor", default: 1),
      groups: groups, scoresOfGroup: 1)
  }

  private func groupedExperts(
    isGrouped: Bool
  ) throws(ModelError) -> (experts: Int, topK: Int, groups: (count: Int, kept: Int)) {
    let experts = try size("n_routed_experts", "num_local_experts", "num_experts")
    ignore(["num_local_experts"])
    let topK = try size("num_experts_per_tok", "num_experts_per_token")
    var groups = (
      count: try size("n_group", "num_expert_group", default: 1), kept: try size("topk_group", default: 1)
    )
    if !isGrouped { groups = (1, 1) }
    try require(experts % groups.count == 0, "n_group", "\(groups.count) does not divide \(experts) experts")
    try require(groups.kept <= groups.count, "topk_group", "\(groups.kept) of \(groups.count) groups")
    try require(
      topK <= experts / groups.count * groups.kept, "num_experts_per_tok",
      "\(topK) of \(experts / groups.count * groups.kept) experts")
    return (experts, topK, groups)
  }
}
