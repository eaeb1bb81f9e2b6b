internal import Glibc
internal import InferCore

/// Gemma 3n's text models: a stream of several lanes of which layers compute one; attention with norms of query, key and value
/// heads, in windows and over everything, beside a low-rank way around it, of which the last layers see the keys of earlier
/// ones; GEGLU, most of whose gates are shut in the first layers; an input of each layer of its own.
struct Gemma3n: ModelFamily {
  static let models = "Gemma 3n (text)"
  static let layers =
    "attention, in windows as well, also over the keys of another layer; a stream of several lanes; per-layer embeddings"
  static let modelTypes = ["gemma3n", "gemma3n_text"]
  /// Images and sounds, what training needs, and a divisor of scores that is never used.
  static let inertKeys = [
    "altup_coef_clip", "altup_lr_multiplier", "audio_config", "audio_soft_tokens_per_image", "audio_token_id",
    "boa_token_id", "boi_token_id", "eoa_token_id", "eoi_token_id", "image_token_id", "query_pre_attn_scalar",
    "vision_config", "vision_soft_tokens_per_image",
  ]

  private(set) var frame: ModelFrame
  /// Of layers with windows; others have none.
  let attention: Attention.Shape
  let rotary: (whole: RotaryEmbedding, windowed: RotaryEmbedding)
  let isWindowed: [Bool]
  /// The number of the first layer that sees the keys of an earlier one.
  let firstSharing: Int
  /// One a layer.
  let hidden: [Int]
  /// By how many standard deviations a gate of a layer has to be above the mean; `nil` where all gates count.
  let deviations: [Float?]
  /// The width of each layer's own input, and the number of tokens that have one.
  let layerInput: (width: Int, vocabularySize: Int)
  let lanes: Int
  /// The lane that layers compute.
  let activeLane: Int
  /// Whether the lane has factors where inputs of layers are taken in.
  let scalesCorrection: Bool
  /// The rank of the way around attention.
  let rank: Int
  /// Whether it is the text model of one that sees images.
  let isInside: Bool

  var layerCount: Int { isWindowed.count }

  init(_ config: ConfigReader) throws(ModelError) {
    guard try config.string("model_type") == "gemma3n" else {
      try self.init(config, isInside: false)
      return
    }
    guard let text = try config.object("text_config") else {
      throw config.wrong("text_config", because: "is missing, expected the configuration of the text model")
    }
    text.ignore(Families.inertKeys + Self.inertKeys)
    try self.init(text, isInside: true)
    frame.isTied = try config.flag("tie_word_embeddings", default: frame.isTied)
  }

  private init(_ config: ConfigReader, isInside: Bool) throws(ModelError) {
    self.isInside = isInside
    frame = try ModelFrame(config, epsilon: 1e-6, tiedByDefault: true, contextLength: 32_768, vocabularySize: 262_400)
    frame.embeddingScale = Float(Double(frame.width).squareRoot())
    if !config.isNull("final_logit_softcapping") {
      frame.logitCap = Float(try config.positive("final_logit_softcapping", default: 30))
    }
    let activation = try config.string("hidden_activation", default: "gelu_pytorch_tanh")
    try config.expect("hidden_activation", activation, is: "gelu_pytorch_tanh")
    let count = try config.size("num_hidden_layers", default: 35)
    isWindowed = try config.layerTypes(count, of: ["sliding_attention", "full_attention"]) {
      ($0 + 1) % 5 == 0 ? "full_attention" : "sliding_attention"
    }.map { $0 == "sliding_attention" }
    attention = try Self.attention(config, width: frame.width)
    rotary = (
      whole: try config.rotary(
        headDimension: attention.headDimension, contextLength: frame.contextLength, theta: 1_000_000),
      windowed: try config.windowedRotary(
        headDimension: attention.headDimension, contextLength: frame.contextLength, base: "rope_local_base_freq",
        theta: 10_000)
    )
    let sharing = try config.count("num_kv_shared_layers", default: 15)
    firstSharing = count - sharing
    let own = isWindowed.prefix(max(0, firstSharing))
    try config.require(
      firstSharing > 0 && Set(own) == Set(isWindowed), "num_kv_shared_layers",
      "\(sharing) of \(count) layers, before which there are none of each kind")
    hidden = try config.sizes("intermediate_size", layers: count, default: 16_384)
    try config.require(!hidden.contains(0), "intermediate_size", "0 in a layer")
    deviations = try Self.deviations(config, layers: count)
    layerInput = (
      try config.size("hidden_size_per_layer_input", default: 256),
      try config.size("vocab_size_per_layer_input", default: 262_144)
    )
    lanes = try config.size("altup_num_inputs", default: 4)
    try config.require(lanes <= 64, "altup_num_inputs", "\(lanes) lanes, expected at most 64")
    activeLane = try config.count("altup_active_idx", default: 0)
    try config.require(activeLane < lanes, "altup_active_idx", "\(activeLane) of \(lanes) lanes")
    scalesCorrection = try config.flag("altup_correct_scale", default: true)
    rank = try config.size("laurel_rank", default: 64)
  }

  private static func attention(_ config: ConfigReader, width: Int) throws(ModelError) -> Attention.Shape {
    let heads = try config.size("num_attention_heads", default: 8)
    let keyHeads = try config.size("num_key_value_heads", default: 2)
    try config.require(heads % keyHeads == 0, "num_key_value_heads", "\(keyHeads) does not divide \(heads) heads")
    let bias = try config.flag("attention_bias", default: false)
    var shape = Attention.Shape(
      width: width, queryHeads: heads, keyHeads: keyHeads, headDimension: try config.size("head_dim", default: 256),
      bias: bias, outputBias: bias)
    shape.valueNormEpsilon = Float(try config.positive("rms_norm_eps", default: 1e-6))
    shape.window = try config.length("sliding_window", default: 512)
    return shape
  }

  /// The bounds of gates by the share of them that are shut.
  private static func deviations(_ config: ConfigReader, layers: Int) throws(ModelError) -> [Float?] {
    let key = "activation_sparsity_pattern"
    guard let shares = try config.numbers(key) else {
      let few = layers > 10 ? 10 : 0
      return (0..<layers).map { $0 < few ? Float(normalQuantile(0.95)) : nil }
    }
    try config.require(
      shares.count == layers && shares.allSatisfy { 0..<1 ~= $0 }, key,
      "expected \(layers) shares of 0 or more and less than 1")
    return shares.map { $0 == 0 ? nil : Float(normalQuantile($0)) }
  }

  /// Text models inside others have had two paths.
  var storedPrefixes: [StoredPrefix] { isInside ? StoredPrefix.ofTextModels : [] }

  /// Each layer's own input.
  func side(reading weights: WeightScope) throws(ModelError) -> (any StreamSide)? {
    try PerLayerInputs(
      weights["model"], stream: frame.width, layers: layerCount, width: layerInput.width,
      vocabularySize: layerInput.vocabularySize, epsilon: frame.epsilon)
  }

  func streamLanes(reading weights: WeightScope) throws(ModelError) -> (any StreamLanes)? {
    try AlternatingLanes(weights["model"], lanes: lanes, width: frame.width)
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    var caches = SharedCaches()
    let (width, epsilon) = (frame.width, frame.epsilon)
    for index in isWindowed.indices {
      let layer = weights["model"]["layers"][index]
      let updates = layer["altup"]
      let mixing = try AugmentedResidualBlock(
        layer, width: width, rank: rank, epsilon: epsilon, mixer(layer["self_attn"], index, &caches, &state))
      let network = try ResidualBlock(
        layer, norm: "pre_feedforward_layernorm", outputNorm: "post_feedforward_layernorm", frame,
        self.network(layer["mlp"], index))
      let first = lanes * width + index * layerInput.width
      let factors = try scalesCorrection ? updates.vector("correct_output_scale", count: width) : nil
      if !scalesCorrection { updates.discard("correct_output_scale") }
      layers.append(
        Layer(
          StreamBlock(
            try AlternatingUpdate(
              updates, lanes: lanes, width: width, active: activeLane, epsilon: epsilon, [mixing, network]),
            width: lanes * width),
          LaneInputBlock(
            width: width, lanes: lanes, active: activeLane,
            input: try LayerInput(
              layer, width: width, columns: first..<first + layerInput.width, epsilon: epsilon),
            scale: factors)))
    }
    if isInside { weights.discardSight("vision_tower.", "embed_vision.", "audio_tower.", "embed_audio.") }
    return layers
  }

  private func mixer(
    _ weights: WeightScope, _ index: Int, _ caches: inout SharedCaches, _ state: inout StateLayout
  ) throws(ModelError) -> any Mixer {
    var shape = attention
    if !isWindowed[index] { shape.window = nil }
    return try caches.attention(
      weights, shape, rotary: isWindowed[index] ? rotary.windowed : rotary.whole, isWindowed: isWindowed[index],
      shares: index >= firstSharing, epsilon: frame.epsilon, state: &state)
  }

  private func network(_ weights: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    guard let bound = deviations[index] else {
      return try FeedForward.gated(weights, .geluTanhGated, width: frame.width, hidden: hidden[index])
    }
    return try SparseFeedForward(weights, width: frame.width, hidden: hidden[index], deviations: bound)
  }
}

/// The share of normal numbers that are less than so many standard deviations above their mean.
func normalShare(below deviations: Double) -> Double { erfc(-deviations * 0.5.squareRoot()) / 2 }

/// The inverse of ``normalShare(below:)``, of a share between 0 and 1.
func normalQuantile(_ share: Double) -> Double {
  var (low, high) = (-40.0, 40.0)
  for _ in 0..<100 {
    let middle = (low + high) / 2
    if normalShare(below: middle) < share { low = middle } else { high = middle }
  }
  return (low + high) / 2
}
