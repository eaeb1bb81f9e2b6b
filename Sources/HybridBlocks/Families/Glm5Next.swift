internal import InferCore

/// The text model of GLM-5.3-Flash: Kimi Delta Attention in most layers, and latent attention without positions over blocks of
/// keys that a scorer chooses in the others; dense layers first, then experts chosen by biased sigmoid scores beside an
/// ungated shared one, all with bounds on their activations; a residual stream of several lanes, which matrices mix.
struct Glm5Next: ModelFamily {
  static let models = "GLM-5.3-Flash (text)"
  static let layers = "Kimi Delta Attention, latent attention over chosen blocks; experts; several lanes"
  static let modelTypes = ["glm5_next", "glm5_next_text"]
  /// Images and films, values that follow from others, positions that no layer has, and layers that predict tokens further
  /// ahead.
  static let inertKeys = [
    "ep_size", "head_dim", "image_end_token_id", "image_start_token_id", "image_token_id", "indexer_rope_interleave",
    "num_key_value_heads", "num_nextn_predict_layers", "qk_head_dim", "rope_interleave", "rope_parameters",
    "rope_scaling", "rope_theta", "video_end_token_id", "video_start_token_id", "video_token_id", "vision_config",
  ]

  private(set) var frame: ModelFrame
  /// Whether each layer has linear attention.
  let isLinear: [Bool]
  /// Whether each layer with latent attention has a scorer of its own; others see what the layer before them does.
  let hasIndexer: [Bool]
  let isDense: [Bool]
  let delta: KimiDeltaAttention.Shape
  let attention: LatentAttention.Shape
  let indexer: PooledKeyIndexer.Shape
  let denseWidth: Int
  let expertWidth: Int
  let sharedExperts: Int
  let activation: Experts.Activation
  /// The choice of experts, but for the bias, of which each layer has its own.
  let routing: ExpertSelection
  let lanes: Int
  let laneIterations: Int
  let laneEpsilon: Float

  var layerCount: Int { isLinear.count }

  init(_ config: ConfigReader) throws(ModelError) {
    guard let text = try config.object("text_config") else {
      // Text models by themselves have one level, under either name.
      try self.init(text: config)
      return
    }
    text.ignore(Families.inertKeys + Self.inertKeys)
    try self.init(text: text)
    frame.isTied = try config.flag("tie_word_embeddings", default: frame.isTied)
    frame.isTiedWithoutHead = frame.isTiedWithoutHead && !config.has("tie_word_embeddings")
  }

  private init(text config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, epsilon: 1e-5)
    let count = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("attention_bias", try config.flag("attention_bias", default: false), is: false)
    // Published files call latent attention by its older name.
    isLinear = try config.layerTypes(count, of: ["linear_attention", "indexed_attention", "full_attention"]) {
      $0 % 4 == 3 ? "indexed_attention" : "linear_attention"
    }.map { $0 == "linear_attention" }
    hasIndexer = try Self.indexers(config, isLinear)
    isDense = try config.denseLayers(count, first: 3)
    delta = try Self.deltaShape(config, width: frame.width)
    try config.expect("qk_rope_head_dim", try config.count("qk_rope_head_dim", default: 0), is: 0)
    let rank = try config.size("q_lora_rank")
    attention = LatentAttention.Shape(
      width: frame.width, heads: try config.size("num_attention_heads"), queryRank: rank,
      latentDimension: try config.size("kv_lora_rank"), keyDimension: try config.size("qk_nope_head_dim"),
      sharedKeyDimension: 0, valueDimension: try config.size("v_head_dim"), epsilon: frame.epsilon)
    indexer = try Self.indexer(config, frame, rank: rank)
    denseWidth = try config.size("intermediate_size")
    expertWidth = try config.size("moe_intermediate_size")
    sharedExperts = try config.size("n_shared_experts", "num_shared_experts", default: 1)
    activation = .siluOfBoundedGated(limit: Float(try config.positive("swiglu_limit", default: 10)))
    routing = try config.sigmoidRouting(scale: 2.5)
    lanes = try config.size("hc_mult", default: 4)
    try config.require(lanes <= 64, "hc_mult", "\(lanes) lanes, expected at most 64")
    laneIterations = try config.size("hc_sinkhorn_iters", default: 20)
    try config.require(laneIterations <= 1000, "hc_sinkhorn_iters", "\(laneIterations), expected at most 1000")
    laneEpsilon = Float(try config.positive("hc_eps", default: 1e-6))
  }

  /// Whether each layer of latent attention has a scorer: by a list, by letters, or by a period.
  private static func indexers(_ config: ConfigReader, _ isLinear: [Bool]) throws(ModelError) -> [Bool] {
    config.ignore(["index_topk_freq", "index_skip_topk_offset", "index_topk_pattern"])
    let hasScorer: [Bool]
    var key = "indexer_types"
    if let kinds = try config.strings(key) {
      try config.require(
        kinds.count == isLinear.count && kinds.allSatisfy { ["full", "shared"].contains($0) }, key,
        "expected \(isLinear.count) of full or shared")
      hasScorer = kinds.map { $0 == "full" }
    } else if config.has("index_topk_pattern") {
      key = "index_topk_pattern"
      let letters = try config.string(key)
      try config.require(
        letters.utf8.count == isLinear.count && letters.utf8.allSatisfy { [0x46, 0x53].contains($0) }, key,
        "expected \(isLinear.count) of F or S")
      hasScorer = letters.utf8.map { $0 == 0x46 }
    } else {
      let period = try config.size("index_topk_freq", default: 1)
      let offset = try config.count("index_skip_topk_offset", default: 2)
      hasScorer = isLinear.indices.map { max($0 - offset + 1, 0) % period == 0 }
    }
    for layer in isLinear.indices where !isLinear[layer] && !hasScorer[layer] {
      try config.require(
        layer > 0 && !isLinear[layer - 1] && hasScorer[layer - 1], key,
        "layer \(layer) is to see what the layer before it has chosen, which has no scorer")
    }
    return hasScorer
  }

  private static func deltaShape(
    _ config: ConfigReader, width: Int
  ) throws(ModelError) -> KimiDeltaAttention.Shape {
    // Where published files have an object, it counts.
    let older = try config.object("linear_attn_config")
    func place(_ key: String, _ olderKey: String) -> (reader: ConfigReader, key: String) {
      if let older, older.has(olderKey) { (older, olderKey) } else { (config, key) }
    }
    let (heads, size, taps, lowest) = (
      place("linear_num_heads", "num_heads"), place("linear_head_dim", "head_dim"),
      place("linear_conv_kernel_dim", "short_conv_kernel_size"), place("linear_lower_bound", "gate_lower_bound")
    )
    config.ignore(["linear_num_heads", "linear_head_dim", "linear_conv_kernel_dim", "linear_lower_bound"])
    var shape = KimiDeltaAttention.Shape(
      width: width, heads: try heads.reader.size(heads.key, default: 64),
      headDimension: try size.reader.size(size.key, default: 128), taps: try taps.reader.size(taps.key, default: 4))
    let isSafe = try older?.flag("safe_gate", default: true) ?? false
    guard isSafe || !lowest.reader.isNull(lowest.key) else { return shape }
    let bound = try lowest.reader.number(lowest.key, default: -5)
    try lowest.reader.require(bound < 0, lowest.key, "\(bound), expected a number below 0")
    shape.lowestDecay = bound
    return shape
  }

  private static func indexer(
    _ config: ConfigReader, _ frame: ModelFrame, rank: Int
  ) throws(ModelError) -> PooledKeyIndexer.Shape {
    let size = try config.size("index_kpool", default: 16)
    let count = try config.size("index_topk", default: 2048)
    try config.require(
      count % size == 0, "index_topk", "\(count) keys, expected a multiple of the \(size) of a block")
    let tail = try config.flag("index_kpool_always_select_tail", default: true)
    try config.expect("index_kpool_always_select_tail", tail, is: true)
    // Positions are told by numbers of single precision.
    try config.require(
      frame.contextLength <= 1 << 24, "max_position_embeddings", "\(frame.contextLength), expected at most 2^24")
    return PooledKeyIndexer.Shape(
      keys: KeyIndexer.Shape(
        width: frame.width, queryRank: rank, heads: try config.size("index_n_heads", default: 32),
        dimension: try config.size("index_head_dim", default: 128), count: count),
      blockTokens: size)
  }

  var storedForms: [StoredForm] { [.decayRates] + attention.storedForms }

  /// Text models inside others have had two paths.
  var storedPrefixes: [StoredPrefix] { StoredPrefix.ofTextModels }

  func side(reading weights: WeightScope) throws(ModelError) -> (any StreamSide)? {
    isLinear.contains(false) ? ChoiceSide(columns: indexer.keys.count + indexer.blockTokens - 1) : nil
  }

  func streamLanes(reading weights: WeightScope) throws(ModelError) -> (any StreamLanes)? { LaneMean(count: lanes) }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    var rule: (any KeyRule)?
    let scopes = weights["model"]["layers"]
    for index in isLinear.indices {
      let layer = scopes[index]
      let content: LaneBlock.Content
      if isLinear[index] {
        content = .mixer(try KimiDeltaAttention(layer["self_attn"], delta, epsilon: frame.epsilon, state: &state))
      } else {
        var heads = try LatentAttention(layer["self_attn"], attention, rotary: nil, state: &state)
        if hasIndexer[index] {
          let own = try PooledKeyIndexer(layer["self_attn"]["indexer"], indexer, state: &state)
          heads.indexer = own
          rule = own.rule
        }
        content = rule.map { .indexed(heads, $0) } ?? .mixer(heads)
      }
      layers.append(
        Layer(
          try block(layer, "hc_attn", "input_layernorm", content),
          try block(layer, "hc_ffn", "post_attention_layernorm", .mixer(network(layer["mlp"], index)))))
    }
    // Layers behind the last predict tokens further ahead; they take no part in the forward pass.
    for path in ["model.layers.", "model.language_model.layers.", "language_model.model.layers."] {
      weights.discard("\(path)\(isLinear.count).")
    }
    weights.discardSight("visual.")
    return layers
  }

  private func block(
    _ layer: WeightScope, _ connection: String, _ norm: String, _ content: LaneBlock.Content
  ) throws(ModelError) -> LaneBlock {
    LaneBlock(
      width: frame.width,
      connection: try BalancedLanes(
        layer, name: connection, lanes: lanes, width: frame.width, iterations: laneIterations,
        epsilon: (laneEpsilon, frame.epsilon), norm: frame.norm(layer[norm])),
      content: content)
  }

  private func network(_ weights: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    let width = frame.width
    guard !isDense[index] else {
      return try FeedForward.gated(weights, activation, width: width, hidden: denseWidth)
    }
    var selection = routing
    selection.selectionBias = try weights.vector("gate.e_score_correction_bias", count: routing.expertCount)
    return MixtureOfExperts(
      router: try Linear(weights["gate"], input: width, output: routing.expertCount, role: .exact),
      selection: selection,
      experts: try Experts(
        gatedOneByOneOrStacked: weights["experts"], count: routing.expertCount, width: width, hidden: expertWidth,
        activation: activation, layer: index),
      shared: try .gated(weights["shared_experts"], activation, width: width, hidden: sharedExperts * expertWidth))
  }
}
