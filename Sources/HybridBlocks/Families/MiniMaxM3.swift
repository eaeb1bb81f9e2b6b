internal import InferCore

/// The text model of MiniMax M3: attention with norms of query and key heads, of which a part is rotated, in most layers over
/// blocks of keys that a scorer chooses for each group of heads; dense layers, and experts chosen by biased sigmoid scores
/// beside an ungated shared one, all with a clamped activation.
struct MiniMaxM3: ModelFamily {
  static let models = "MiniMax M3 (text)"
  static let layers = "attention, over chosen blocks of keys as well; experts"
  static let modelTypes = ["minimax_m3_vl", "minimax_m3_vl_text"]
  /// Images, layers that predict tokens further ahead, and noise of training.
  static let inertKeys = [
    "image_grid_pinpoints", "image_seq_length", "image_token_index", "img_token_compression_config",
    "merged_hidden_size", "multimodal_projector_bias", "num_mtp_modules", "num_nextn_predict_layers",
    "process_image_mode", "projector_hidden_act", "projector_hidden_size", "router_jitter_noise", "video_token_index",
    "vision_config", "vision_feature_layer", "vision_feature_select_strategy",
  ]

  private(set) var frame: ModelFrame
  let attention: LayeredAttention
  /// Whether each layer sees chosen blocks of keys.
  let isSparse: [Bool]
  /// The scorer of those layers; `nil` where there are none.
  let indexer: BlockIndexer.Shape?
  let isDense: [Bool]
  let denseWidth: Int
  let expertWidth: Int
  let sharedWidth: Int
  let activation: Experts.Activation
  /// The choice of experts, but for the bias, of which each layer has its own.
  let routing: ExpertSelection

  var layerCount: Int { isDense.count }

  init(_ config: ConfigReader) throws(ModelError) {
    guard try config.string("model_type") == "minimax_m3_vl" else {
      try self.init(text: config)
      return
    }
    guard let text = try config.object("text_config") else {
      throw config.wrong("text_config", because: "is missing, expected the configuration of the text model")
    }
    text.ignore(Families.inertKeys + Self.inertKeys)
    try config.expect("num_reward_heads", try config.count("num_reward_heads", default: 0), is: 0)
    try self.init(text: text)
    // Either of the two ties them.
    frame.isTied = try config.flag("tie_word_embeddings", default: false) || frame.isTied
  }

  private init(text config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, epsilon: 1e-6)
    let layers = try config.size("num_hidden_layers")
    // Published files call the activation by its name, transformers by that of the function within.
    let function = try config.string("hidden_act", default: "silu")
    try config.require(
      ["silu", "swigluoai"].contains(function), "hidden_act", "\(function) is not supported, expected swigluoai")
    try config.expect("scoring_func", try config.string("scoring_func", default: "sigmoid"), is: "sigmoid")
    try config.expect("qk_norm_type", try config.string("qk_norm_type", default: "per_head"), is: "per_head")
    try config.expect("n_shared_experts", try config.count("n_shared_experts", default: 1), is: 1)
    for (key, expected) in [
      ("use_qk_norm", true), ("use_gemma_norm", true), ("use_routing_bias", true), ("attention_output_gate", false),
    ] {
      try config.expect(key, try config.flag(key, default: expected), is: expected)
    }
    let shape = try config.attentionShape(width: frame.width, bias: false)
    let rotary = try Self.rotary(config, shape, frame.contextLength)
    attention = LayeredAttention(
      shape, sights: Array(repeating: LayerSight(rotary: rotary), count: layers), headNorms: .heads)
    isSparse = try Self.sparseLayers(config, layers)
    indexer = isSparse.contains(true) ? try Self.indexer(config, shape, rotary, frame) : nil
    config.ignore(Self.indexKeys + (indexer == nil ? ["sparse_attention_config"] : []))
    isDense = try Self.denseLayers(config, layers)
    denseWidth = try config.size("dense_intermediate_size")
    expertWidth = try config.size("intermediate_size")
    sharedWidth = try config.size("shared_intermediate_size")
    activation = .clampedSiluGated(
      alpha: Float(try config.positive("swiglu_alpha", default: 1.702)),
      limit: Float(try config.positive("swiglu_limit", default: 7)))
    let experts = try config.size("num_local_experts", "num_experts")
    routing = ExpertSelection(
      expertCount: experts, topK: try config.chosenExperts(of: experts), scoring: .sigmoid, normalized: true,
      scale: try config.number("routed_scaling_factor", default: 2))
  }

  /// The positions of heads: published files say how many dimensions are rotated, those of transformers which part.
  private static func rotary(
    _ config: ConfigReader, _ shape: Attention.Shape, _ contextLength: Int
  ) throws(ModelError) -> RotaryEmbedding {
    let size = shape.headDimension
    var part = 1.0
    if !config.has("rope_parameters") {
      let rotated = try config.size("rotary_dim", default: size)
      try config.require(rotated <= size, "rotary_dim", "\(rotated), more than the \(size) dimensions of a head")
      part = Double(rotated) / Double(size)
    }
    config.ignore(["rotary_dim"])
    return try config.rotary(headDimension: size, contextLength: contextLength, theta: 5_000_000, part: part)
  }

  /// Whether each layer has no experts.
  private static func denseLayers(_ config: ConfigReader, _ layers: Int) throws(ModelError) -> [Bool] {
    if let kinds = try kinds(config, "mlp_layer_types", layers, of: ["dense", "sparse"]) {
      config.ignore(["moe_layer_freq"])
      return kinds.map { $0 == "dense" }
    }
    return try config.sizes("moe_layer_freq", layers: layers, default: 1).map { $0 == 0 }
  }

  /// Whether each layer sees chosen blocks of keys.
  private static func sparseLayers(_ config: ConfigReader, _ layers: Int) throws(ModelError) -> [Bool] {
    let older = try config.object("sparse_attention_config")
    let isUsed = try older?.flag("use_sparse_attention", default: true) ?? true
    if let kinds = try kinds(config, "layer_types", layers, of: ["full_attention", "minimax_m3_sparse"]) {
      let sparse = kinds.map { $0 == "minimax_m3_sparse" }
      older?.ignore(["sparse_attention_freq"])
      try older?.require(
        isUsed || !sparse.contains(true), "use_sparse_attention", "is false, but layer_types has minimax_m3_sparse")
      return sparse
    }
    guard isUsed, let older else { return Array(repeating: false, count: layers) }
    return try older.sizes("sparse_attention_freq", layers: layers, default: 0).map { $0 != 0 }
  }

  private static func kinds(
    _ config: ConfigReader, _ key: String, _ layers: Int, of known: [String]
  ) throws(ModelError) -> [String]? {
    guard let kinds = try config.strings(key) else { return nil }
    let expected = "expected \(layers) of \(known[0]) or \(known[1])"
    try config.require(kinds.count == layers, key, "\(kinds.count) layers, \(expected)")
    for kind in kinds { try config.require(known.contains(kind), key, "\(kind) is not supported, \(expected)") }
    return kinds
  }

  private static let indexKeys = [
    "index_n_heads", "index_head_dim", "index_block_size", "index_topk_blocks", "index_local_blocks",
  ]

  /// The scorer that chooses blocks of keys, by keys of their own, or in older files by those of `sparse_attention_config`,
  /// which count where there are both.
  private static func indexer(
    _ config: ConfigReader, _ attention: Attention.Shape, _ rotary: RotaryEmbedding, _ frame: ModelFrame
  ) throws(ModelError) -> BlockIndexer.Shape {
    let older = try config.object("sparse_attention_config")
    if let older { try expectPlainScores(older) }
    func place(_ key: String, _ olderKey: String) -> (reader: ConfigReader, key: String) {
      if let older, older.has(olderKey) { (older, olderKey) } else { (config, key) }
    }
    let headsPlace = place("index_n_heads", "sparse_num_index_heads")
    let heads = try headsPlace.reader.size(headsPlace.key, default: 4)
    try headsPlace.reader.require(
      attention.queryHeads % heads == 0, headsPlace.key,
      "\(heads), expected a divisor of the \(attention.queryHeads) heads of attention")
    let widthPlace = place("index_head_dim", "sparse_index_dim")
    let dimension = try widthPlace.reader.size(widthPlace.key, default: 128)
    try widthPlace.reader.require(
      rotary.dimension <= dimension, widthPlace.key, "\(dimension), of which \(rotary.dimension) are to be rotated")
    let sizePlace = place("index_block_size", "sparse_block_size")
    let blockTokens = try sizePlace.reader.size(sizePlace.key, default: 128)
    let blocks = (frame.contextLength - 1) / blockTokens + 1
    // Blocks are told by numbers of single precision.
    try sizePlace.reader.require(
      blocks <= 1 << 24, sizePlace.key,
      "\(blockTokens), which makes \(blocks) blocks of \(frame.contextLength) tokens, expected at most 2^24")
    let countPlace = place("index_topk_blocks", "sparse_topk_blocks")
    let count = try countPlace.reader.size(countPlace.key, default: 16)
    let localPlace = place("index_local_blocks", "sparse_local_block")
    let local = try localPlace.reader.count(localPlace.key, default: 1)
    try localPlace.reader.require(
      local <= count, localPlace.key, "\(local) blocks, expected at most the \(count) that are chosen")
    return BlockIndexer.Shape(
      width: frame.width, heads: heads, dimension: dimension, blockTokens: blockTokens, count: min(count, blocks),
      localCount: min(local, blocks), epsilon: frame.epsilon)
  }

  /// Refuses scorers that do more than to choose, or that choose by other rules.
  private static func expectPlainScores(_ older: ConfigReader) throws(ModelError) {
    let score = try older.string("sparse_score_type", default: "max")
    try older.expect("sparse_score_type", score, is: "max")
    try older.expect("sparse_init_block", try older.count("sparse_init_block", default: 0), is: 0)
    // Scorers without values of their own say so of each layer; the others have no scorer.
    guard let disabled = try older.numbers("sparse_disable_index_value") else { return }
    let frequencies = try older.numbers("sparse_attention_freq") ?? []
    for (layer, frequency) in frequencies.enumerated() where frequency != 0 {
      try older.require(
        layer < disabled.count && disabled[layer] != 0, "sparse_disable_index_value",
        "values of the scorer in layer \(layer) are not supported, expected 1 for each sparse layer")
    }
  }

  /// All norms are stored as differences from one. Scorers have other names in published files.
  var storedForms: [StoredForm] {
    ["input_layernorm", "post_attention_layernorm", "q_norm", "k_norm", "norm"].flatMap(StoredForm.normFromOne)
      + ["q", "k"].flatMap { name in
        [
          .renamed("indexer.\(name)_proj.weight", from: "index_\(name)_proj.weight"),
          StoredForm("indexer.\(name)_norm.weight", from: "index_\(name)_norm.weight") { stored in
            .computed([stored], name: stored.name, shape: stored.shape) { $0[0].map { $0 + 1 } }
          },
        ]
      }
  }

  /// Text models inside others have had two paths.
  var storedPrefixes: [StoredPrefix] { StoredPrefix.ofTextModels }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in isDense.indices {
      let layer = weights["model"]["layers"][index]
      var heads = try attention.mixer(layer["self_attn"], layer: index, epsilon: frame.epsilon, state: &state)
      if let indexer, isSparse[index] {
        try heads.chooseBlocks(indexer, of: attention.shape, layer["self_attn"], state: &state)
      }
      layers.append(try LayerNorms.usual.layer(layer, frame, heads, network(layer, index)))
    }
    weights.discardSight("vision_tower.", "multi_modal_projector.", "patch_merge_mlp.")
    // They predict tokens further ahead, and take no part in the forward pass.
    for path in ["", "model.", "language_model.", "language_model.model.", "model.language_model."] {
      weights.discard(path + "mtp.")
    }
    return layers
  }

  private func network(_ layer: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    guard !isDense[index] else {
      return try FeedForward.gated(layer["mlp"], activation, width: frame.width, hidden: denseWidth)
    }
    // Published files have other names than transformers.
    let published = layer["block_sparse_moe"]
    let isPublished = published["gate"].has("weight")
    let weights = isPublished ? published : layer["mlp"]
    let (width, count) = (frame.width, routing.expertCount)
    var selection = routing
    selection.selectionBias = try weights.vector(
      isPublished ? "e_score_correction_bias" : "gate.e_score_correction_bias", count: count)
    let experts =
      isPublished
      ? try Experts(
        weights["experts"], count: count, width: width, hidden: expertWidth, activation: activation, names: .numbered,
        layer: index)
      : try Experts(
        gatedOneByOneOrStacked: weights["experts"], count: count, width: width, hidden: expertWidth,
        activation: activation, layer: index)
    return MixtureOfExperts(
      router: try Linear(weights["gate"], input: width, output: count, role: .exact), selection: selection,
      experts: experts,
      shared: try .gated(weights["shared_experts"], activation, width: width, hidden: sharedWidth))
  }
}
