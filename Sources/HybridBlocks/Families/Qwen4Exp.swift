internal import InferCore

/// The text model of Qwen4-Exp: Gated DeltaNet in most layers, and gated attention over blocks of keys that a scorer chooses in
/// the others, then experts beside a gated shared one; a residual stream of several lanes, which some layers add embeddings
/// of several tokens to.
struct Qwen4Exp: ModelFamily {
  static let models = "Qwen4-Exp (text)"
  static let layers = "Gated DeltaNet, gated attention over chosen blocks; experts; several lanes; n-grams"
  static let modelTypes = ["qwen4_exp", "qwen4_exp_text"]
  /// Images and films, layers that predict tokens further ahead, and what follows from other values.
  static let inertKeys = [
    "image_token_id", "language_model_only", "mamba_ssm_dtype", "mtp_num_hidden_layers", "mtp_use_dedicated_embeddings",
    "number_of_conv_states", "video_token_id", "vision_config", "vision_end_token_id", "vision_start_token_id",
  ]

  private(set) var frame: ModelFrame
  /// Whether each layer has linear attention.
  let isLinear: [Bool]
  let attention: Attention.Shape
  let rotary: RotaryEmbedding?
  /// The scorer of layers with attention; `nil` where there are none.
  let indexer: PooledIndexer.Shape?
  let delta: GatedDeltaNet.Shape
  let selection: ExpertSelection
  let expertWidth: Int
  let sharedWidth: Int
  let lanes: Int
  /// The rank of the maps that make gates of lanes.
  let laneRank: Int
  /// The embeddings of several tokens, of the layers that have them.
  let ngrams: [Int: NGramLayer]

  /// The look-up of a layer: hashes of tokens, and the sizes of the block.
  struct NGramLayer: Sendable {
    let hash: NGramHash
    let shape: NGramBlock.Shape
  }

  var layerCount: Int { isLinear.count }

  init(_ config: ConfigReader) throws(ModelError) {
    guard try config.string("model_type") == "qwen4_exp" else {
      try self.init(text: config)
      return
    }
    guard let text = try config.object("text_config") else {
      throw config.wrong("text_config", because: "is missing, expected the configuration of the text model")
    }
    text.ignore(Families.inertKeys + Self.inertKeys)
    try self.init(text: text)
    frame.isTied = try config.flag("tie_word_embeddings", default: frame.isTied)
    frame.isTiedWithoutHead = frame.isTiedWithoutHead && !config.has("tie_word_embeddings")
  }

  private init(text config: ConfigReader) throws(ModelError) {
    var frame = try ModelFrame(config, epsilon: 1e-6)
    // The mean of the lanes that it ends as is one of normalised lanes.
    frame.normKind = .none
    self.frame = frame
    let activation = try config.string("hidden_act", default: "silu")
    try config.expect("hidden_act", activation, is: "silu")
    try config.expect("attention_bias", try config.flag("attention_bias", default: false), is: false)
    isLinear = try Self.layers(config)
    var attention = try config.attentionShape(width: frame.width, bias: false)
    attention.isGated = true
    self.attention = attention
    (rotary, indexer) = try Self.indexer(config, attention, frame, isUsed: isLinear.contains(false))
    var delta = try Qwen3Next.deltaShape(config, width: frame.width)
    let gate = try config.string("output_gate_type", default: activation)
    try config.require(
      ["silu", "sigmoid"].contains(gate), "output_gate_type", "\(gate) is not supported, expected silu or sigmoid")
    delta.hasSigmoidGates = gate == "sigmoid"
    self.delta = delta
    let experts = try config.size("num_experts", "num_local_experts")
    selection = ExpertSelection(
      expertCount: experts, topK: try config.chosenExperts(of: experts), scoring: .softmax,
      normalized: try config.flag("norm_topk_prob", default: true))
    expertWidth = try config.size("moe_intermediate_size")
    sharedWidth = try config.size("shared_expert_intermediate_size")
    lanes = try config.size("hc_count", default: 4)
    try config.require((2...64).contains(lanes), "hc_count", "\(lanes) lanes, expected 2 to 64")
    laneRank = try config.size("hc_lowrank", default: 320)
    ngrams = try Self.ngrams(config, frame, lanes: lanes, isLinear: isLinear)
  }

  /// Whether each layer is one of linear attention.
  private static func layers(_ config: ConfigReader) throws(ModelError) -> [Bool] {
    let count = try config.size("num_hidden_layers")
    let interval = try config.size("full_attention_interval", default: 4)
    // Published files call attention by its older name.
    return try config.layerTypes(count, of: ["linear_attention", "indexed_attention", "full_attention"]) {
      ($0 + 1) % interval == 0 ? "indexed_attention" : "linear_attention"
    }.map { $0 == "linear_attention" }
  }

  private static let indexKeys = [
    "indexer_n_heads", "indexer_kv_heads", "indexer_head_dim", "indexer_budget", "indexer_compress_ratio",
  ]

  /// The positions of heads and the scorer that chooses blocks of keys.
  private static func indexer(
    _ config: ConfigReader, _ attention: Attention.Shape, _ frame: ModelFrame, isUsed: Bool
  ) throws(ModelError) -> (RotaryEmbedding?, PooledIndexer.Shape?) {
    guard isUsed else {
      config.ignore(indexKeys + ["rope_parameters", "rope_theta", "rope_scaling", "partial_rotary_factor"])
      return (nil, nil)
    }
    let rotary = try config.rotary(
      headDimension: attention.headDimension, contextLength: frame.contextLength, theta: 10_000, part: 1)
    let heads = try config.size("indexer_n_heads")
    try config.expect("indexer_kv_heads", try config.size("indexer_kv_heads"), is: 1)
    let dimension = try config.size("indexer_head_dim")
    try config.require(
      rotary.dimension <= dimension, "indexer_head_dim", "\(dimension), of which \(rotary.dimension) are to be rotated")
    let size = try config.size("indexer_compress_ratio")
    let budget = try config.length("indexer_budget")
    try config.require(
      budget % size == 0, "indexer_budget", "\(budget) keys, expected a multiple of the \(size) of a block")
    let blocks = (frame.contextLength - 1) / size + 1
    // Blocks are told by numbers of single precision.
    try config.require(
      blocks <= 1 << 24, "indexer_compress_ratio",
      "\(size), which makes \(blocks) blocks of \(frame.contextLength) tokens, expected at most 2^24")
    let shape = PooledIndexer.Shape(
      width: frame.width, heads: heads, dimension: dimension, blockTokens: size, count: min(budget / size, blocks),
      epsilon: frame.epsilon)
    return (rotary, shape)
  }

  private static let ngramKeys = [
    "ple_embed_dim", "ple_conv_kernel_size", "ngram_size", "heads_per_ngram", "ngram_vocab_size_base",
    "make_ngram_vocab_size_divisible_by", "seed", "split_ngram_parts",
  ]

  /// The embeddings of several tokens, by the layer that has them.
  private static func ngrams(
    _ config: ConfigReader, _ frame: ModelFrame, lanes: Int, isLinear: [Bool]
  ) throws(ModelError) -> [Int: NGramLayer] {
    let numbers = try config.indices("ple_layer_ids").sorted()
    guard !numbers.isEmpty else {
      config.ignore(ngramKeys)
      return [:]
    }
    for number in numbers {
      try config.require(
        1...isLinear.count ~= number && isLinear[number - 1], "ple_layer_ids",
        "\(number), expected numbers of layers of linear attention, from 1 to \(isLinear.count)")
    }
    let size = try config.size("ngram_size", default: 3)
    // Short enough that states which are kept rounded keep it exactly.
    try config.require((2...32).contains(size), "ngram_size", "\(size) tokens, expected 2 to 32")
    let heads = (size - 1) * (try config.size("heads_per_ngram", default: 8))
    try config.require(heads <= 1024, "heads_per_ngram", "makes \(heads) heads, expected at most 1024")
    let width = try config.size("ple_embed_dim", default: frame.width)
    try config.require(
      width % heads == 0, "ple_embed_dim", "\(width), expected a multiple of the \(heads) heads of embeddings")
    try config.require(
      frame.vocabularySize < NGramHash.tokenLimit, "vocab_size",
      "\(frame.vocabularySize), expected less than \(NGramHash.tokenLimit) where several tokens are embedded")
    let end = try endToken(config, frame)
    let seed = try config.whole("seed", default: 1234)
    let base = try config.length("ngram_vocab_size_base", default: 20_000_000)
    let divisor = try config.size("make_ngram_vocab_size_divisible_by", default: 128)
    let parts = try config.size("split_ngram_parts", default: 512)
    let taps = try config.size("ple_conv_kernel_size", default: 4)
    try config.require(taps <= 64, "ple_conv_kernel_size", "\(taps) taps, expected at most 64")
    var result: [Int: NGramLayer] = [:]
    var primes = NGramPrimes(from: base)
    for (index, number) in numbers.enumerated() {
      let hash = NGramHash(
        size: size, end: end,
        multipliers: NGramHash.multipliers(size, vocabulary: frame.vocabularySize, seed: seed, layer: index),
        rows: (0..<heads).map { _ in primes.next() })
      result[number - 1] = NGramLayer(
        hash: hash,
        shape: NGramBlock.Shape(
          lanes: lanes, width: frame.width, embeddingWidth: width, taps: taps, dilation: size,
          tableRows: (hash.rowCount + divisor - 1) / divisor * divisor, tableParts: parts, epsilon: frame.epsilon))
    }
    return result
  }

  /// The token that ends texts: the first where there are several.
  private static func endToken(_ config: ConfigReader, _ frame: ModelFrame) throws(ModelError) -> Int32 {
    let isList = config.isList("eos_token_id")
    let tokens = isList ? try config.numbers("eos_token_id") ?? [] : [Double(try config.count("eos_token_id"))]
    guard let first = tokens.first, let token = Int32(exactly: first), 0..<frame.vocabularySize ~= Int(token) else {
      throw config.wrong(
        "eos_token_id", because: "gives no token below \(frame.vocabularySize), which embeddings of several tokens need"
      )
    }
    return token
  }

  /// All norms but those behind delta rules are stored as differences from one.
  var storedForms: [StoredForm] {
    let norms = [
      "q_norm", "k_norm", "q_layernorm", "k_layernorm", "hc_norm", "norm_key", "norm_query", "norm_conv",
    ]
    return [.decayRates] + norms.flatMap(StoredForm.normFromOne)
  }

  /// Text models inside others have had two paths.
  var storedPrefixes: [StoredPrefix] { StoredPrefix.ofTextModels }

  func streamLanes(reading weights: WeightScope) throws(ModelError) -> (any StreamLanes)? {
    GatedLaneMean(lanes: try connection(weights["model"]["hyper_connection_mixer"], writes: false))
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in isLinear.indices {
      let layer = weights["model"]["layers"][index]
      var blocks: [any Block] = []
      if let ngram = ngrams[index] {
        try check(layer["ple"]["ple_embedding"], ngram.hash)
        blocks.append(try NGramBlock(layer["ple"], ngram.shape, ngram.hash, state: &state))
      }
      blocks.append(
        LaneBlock(
          width: frame.width, connection: try connection(layer["attn_hyper_connection"]),
          content: .mixer(try mixer(layer, index, state: &state))))
      blocks.append(
        LaneBlock(
          width: frame.width, connection: try connection(layer["mlp_hyper_connection"]),
          content: .mixer(try experts(layer["mlp"], index))))
      layers.append(Layer(blocks))
    }
    // The prediction of tokens further ahead takes no part in the forward pass.
    for path in ["", "model.", "model.language_model."] { weights.discard(path + "mtp.") }
    weights.discardSight("visual.")
    return layers
  }

  private func connection(_ weights: WeightScope, writes: Bool = true) throws(ModelError) -> GatedLanes {
    try GatedLanes(
      weights, lanes: lanes, width: frame.width, rank: laneRank, epsilon: frame.epsilon, writes: writes)
  }

  private func mixer(
    _ layer: WeightScope, _ index: Int, state: inout StateLayout
  ) throws(ModelError) -> any Mixer {
    guard let indexer, let rotary, !isLinear[index] else {
      return try GatedDeltaNet(layer["linear_attn"], delta, epsilon: frame.epsilon, state: &state)
    }
    let heads = layer["self_attn"]
    var mixer = try Attention(
      heads, attention, rotary: rotary,
      headNorm: .usual(heads, headDimension: attention.headDimension, epsilon: frame.epsilon), state: &state)
    try mixer.chooseBlocks(indexer, of: attention, heads, state: &state)
    return mixer
  }

  private func experts(_ weights: WeightScope, _ index: Int) throws(ModelError) -> MixtureOfExperts {
    MixtureOfExperts(
      router: try Linear(weights["gate"], input: frame.width, output: selection.expertCount, role: .exact),
      selection: selection,
      experts: try Experts(
        gatedOneByOneOrStacked: weights["experts"], count: selection.expertCount, width: frame.width,
        hidden: expertWidth, layer: index),
      shared: try .swiGLU(weights["shared_expert"], width: frame.width, hidden: sharedWidth),
      sharedGate: try Linear(weights["shared_expert_gate"], input: frame.width, output: 1, role: .exact))
  }

  /// Checks what files say of hashes, which follows from the configuration.
  private func check(_ weights: WeightScope, _ hash: NGramHash) throws(ModelError) {
    for (name, expected) in [
      ("layer_multipliers", hash.multipliers.map { Int64(bitPattern: $0) }),
      ("ngram_heads_vocab_sizes", hash.rows.map(Int64.init)), ("ngram_heads_offsets", hash.offsets.map(Int64.init)),
    ] {
      guard let stored = try weights.integers(name, count: expected.count) else { continue }
      guard stored == expected else {
        throw .tensor(
          name: weights.prefix + name, reason: "is \(stored), expected \(expected), as the configuration gives it")
      }
    }
  }
}

/// Prime numbers in order.
private struct NGramPrimes {
  /// The last number that was found, or looked at.
  private var last: Int

  /// Those from a number on.
  init(from first: Int) { last = first - 1 }

  mutating func next() -> Int {
    repeat { last += 1 } while !Self.isPrime(last)
    return last
  }

  private static func isPrime(_ number: Int) -> Bool {
    guard number > 3 else { return number > 1 }
    guard number % 2 != 0 else { return false }
    var divisor = 3
    while divisor * divisor <= number {
      if number % divisor == 0 { return false }
      divisor += 2
    }
    return true
  }
}

extension NGramHash {
  /// The factors on the last tokens of a layer: odd numbers by SplitMix64 (Steele, Lea & Flood 2014), so small that no product
  /// with a token has more than 63 bits.
  fileprivate static func multipliers(_ count: Int, vocabulary: Int, seed: Int, layer: Int) -> [UInt64] {
    let bound = max(1, UInt64(Int64.max) / UInt64(vocabulary) / 2)
    let first = UInt64(seed) &+ 10_007 &* UInt64(layer)
    let step: UInt64 = 0x9E37_79B9_7F4A_7C15
    return (1...count).map { index in
      var value = first &+ step &* UInt64(index) &+ step
      value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
      value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
      value ^= value >> 31
      return 2 * (value % bound) + 1
    }
  }
}
