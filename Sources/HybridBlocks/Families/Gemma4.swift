internal import InferCore

/// Gemma 4's text models: attention with norms of query, key and value heads, in windows and, with other heads, over
/// everything, of which the last layers see the keys of earlier ones; GEGLU, or GEGLU beside experts; an input of each layer of
/// its own; norms before and behind everything.
struct Gemma4: ModelFamily {
  static let models = "Gemma 4 (text)"
  static let layers =
    "attention, in windows as well, also over the keys of another layer; experts; per-layer embeddings"
  static let modelTypes = ["gemma4", "gemma4_text"]
  /// Images and sounds, and what follows from other keys.
  static let inertKeys = [
    "audio_config", "audio_token_id", "boa_token_id", "boi_token_id", "eoa_token_id", "eoa_token_index", "eoi_token_id",
    "image_token_id", "per_layer_config", "video_token_id", "vision_config", "vision_soft_tokens_per_image",
  ]

  /// The experts of a layer.
  struct Mixture: Sendable {
    let selection: ExpertSelection
    let width: Int
  }

  private(set) var frame: ModelFrame
  /// Of layers that see everything, and of those with windows.
  let attention: (whole: Attention.Shape, windowed: Attention.Shape)
  let rotary: (whole: RotaryEmbedding, windowed: RotaryEmbedding)
  let isWindowed: [Bool]
  /// The number of the first layer that sees the keys of an earlier one.
  let firstSharing: Int
  let hidden: Int
  /// Whether networks of layers that see others' keys are twice as wide.
  let widensSharing: Bool
  let mixture: Mixture?
  /// The width of each layer's own input, 0 for none, and the number of tokens that have one.
  let layerInput: (width: Int, vocabularySize: Int)
  /// Whether it is the text model of one that sees images.
  let isInside: Bool

  var layerCount: Int { isWindowed.count }

  init(_ config: ConfigReader) throws(ModelError) {
    let isText = try config.string("model_type").hasSuffix("_text")
    guard !isText else {
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
    frame = try ModelFrame(config, epsilon: 1e-6, tiedByDefault: true, contextLength: 131_072, vocabularySize: 262_144)
    frame.embeddingScale = Float(Double(frame.width).squareRoot())
    if config.has("final_logit_softcapping") {
      frame.logitCap = Float(try config.positive("final_logit_softcapping"))
    }
    let activation = try config.string("hidden_activation", default: "gelu_pytorch_tanh")
    try config.expect("hidden_activation", activation, is: "gelu_pytorch_tanh")
    // Images are seen both ways, where there are any.
    if config.has("use_bidirectional_attention") {
      try config.expect(
        "use_bidirectional_attention", try config.string("use_bidirectional_attention"), is: "vision")
    }
    let count = try config.size("num_hidden_layers", default: 30)
    let isWindowed = try Self.windowedLayers(config, count)
    self.isWindowed = isWindowed
    attention = try Self.attention(config, width: frame.width)
    rotary = (
      whole: try Self.wholeRotary(config, headDimension: attention.whole.headDimension, frame.contextLength),
      windowed: try config.windowedRotary(
        headDimension: attention.windowed.headDimension, contextLength: frame.contextLength,
        base: "rope_local_base_freq", theta: 10_000)
    )
    firstSharing = count - (try config.count("num_kv_shared_layers", default: 0))
    let own = isWindowed.prefix(max(0, firstSharing))
    try config.require(
      firstSharing > 0 && Set(own) == Set(isWindowed), "num_kv_shared_layers",
      "\(count - firstSharing) of \(count) layers, before which there are none of each kind")
    hidden = try config.size("intermediate_size", default: 9216)
    widensSharing = try config.flag("use_double_wide_mlp", default: false)
    mixture = try Self.mixture(config)
    let width = try config.count("hidden_size_per_layer_input", default: 256)
    layerInput = (width, try config.size("vocab_size_per_layer_input", default: 262_144))
  }

  private static func windowedLayers(_ config: ConfigReader, _ count: Int) throws(ModelError) -> [Bool] {
    var kinds = try config.layerTypes(count, of: ["sliding_attention", "full_attention"]) {
      ($0 + 1) % 6 == 0 ? "full_attention" : "sliding_attention"
    }
    // The last one always sees everything.
    kinds[count - 1] = "full_attention"
    return kinds.map { $0 == "sliding_attention" }
  }

  private static func attention(
    _ config: ConfigReader, width: Int
  ) throws(ModelError) -> (whole: Attention.Shape, windowed: Attention.Shape) {
    let heads = try config.size("num_attention_heads", default: 8)
    let keyHeads = try config.size("num_key_value_heads", default: 4)
    let valuesAreKeys = try config.flag("attention_k_eq_v", default: false)
    let bias = try config.flag("attention_bias", default: false)
    var (size, wholeKeyHeads) = (try config.size("global_head_dim", default: 512), keyHeads)
    let others = try config.size("num_global_key_value_heads", default: keyHeads)
    if valuesAreKeys { wholeKeyHeads = others }
    // transformers writes what layers that see everything have of their own.
    if let layers = try config.object("per_layer_config"), let first = try layers.firstObject() {
      size = try first.size("head_dim", default: size)
      wholeKeyHeads = try first.size("num_key_value_heads", default: wholeKeyHeads)
    }
    for count in [keyHeads, wholeKeyHeads] {
      try config.require(heads % count == 0, "num_key_value_heads", "\(count) does not divide \(heads) heads")
    }
    func shape(_ keyHeads: Int, _ size: Int) throws(ModelError) -> Attention.Shape {
      var shape = Attention.Shape(
        width: width, queryHeads: heads, keyHeads: keyHeads, headDimension: size, bias: bias, outputBias: bias)
      shape.valueNormEpsilon = Float(try config.positive("rms_norm_eps", default: 1e-6))
      return shape
    }
    var whole = try shape(wholeKeyHeads, size)
    whole.valuesAreKeys = valuesAreKeys
    var windowed = try shape(keyHeads, try config.size("head_dim", default: 256))
    windowed.window = try config.length("sliding_window", default: 512)
    return (whole, windowed)
  }

  /// Without positions in the file, a quarter of the pairs of each head turns.
  private static func wholeRotary(
    _ config: ConfigReader, headDimension size: Int, _ contextLength: Int
  ) throws(ModelError) -> RotaryEmbedding {
    if config.has("rope_parameters") {
      return try config.rotary(
        headDimension: size, contextLength: contextLength, theta: 1_000_000, key: "global_head_dim")
    }
    try config.require(size % 8 == 0, "global_head_dim", "\(size) dimensions, of which a quarter cannot be rotated")
    return RotaryEmbedding(
      RotaryFrequencies(dimension: size, base: 1_000_000).proportional(pairs: size / 8, factor: 1),
      contextLength: contextLength)
  }

  private static func mixture(_ config: ConfigReader) throws(ModelError) -> Mixture? {
    guard try config.flag("enable_moe_block", default: false) else {
      config.ignore(["num_experts", "top_k_experts", "moe_intermediate_size"])
      return nil
    }
    let experts = try config.size("num_experts")
    return Mixture(
      selection: ExpertSelection(
        expertCount: experts, topK: try config.chosenExperts("top_k_experts", of: experts), scoring: .softmaxOfChosen),
      width: try config.size("moe_intermediate_size"))
  }

  /// Text models inside others have had two paths.
  var storedPrefixes: [StoredPrefix] { isInside ? StoredPrefix.ofTextModels : [] }

  /// Each layer's own input.
  func side(reading weights: WeightScope) throws(ModelError) -> (any StreamSide)? {
    guard layerInput.width > 0 else { return nil }
    return try PerLayerInputs(
      weights["model"], stream: frame.width, layers: layerCount, width: layerInput.width,
      vocabularySize: layerInput.vocabularySize, epsilon: frame.epsilon)
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    var caches = SharedCaches()
    for index in isWindowed.indices {
      let layer = weights["model"]["layers"][index]
      let mixer = try self.mixer(layer["self_attn"], index, &caches, &state)
      let mixing = try ResidualBlock(
        layer, norm: "input_layernorm", outputNorm: "post_attention_layernorm", frame, mixer)
      let first = frame.width + index * layerInput.width
      layers.append(
        Layer(
          StreamBlock(mixing, width: frame.width),
          StreamBlock(try network(layer, index), width: frame.width),
          try LayerInputBlock(
            layer, width: frame.width, columns: first..<first + layerInput.width, epsilon: frame.epsilon,
            scale: layer.has("layer_scalar") ? layer.vector("layer_scalar", count: 1)[0] : 1)))
    }
    if isInside {
      weights.discardSight(
        "vision_tower.", "embed_vision.", "audio_tower.", "embed_audio.", "vision_embedder.", "multi_modal_projector.")
    }
    return layers
  }

  private func mixer(
    _ weights: WeightScope, _ index: Int, _ caches: inout SharedCaches, _ state: inout StateLayout
  ) throws(ModelError) -> any Mixer {
    let shape = isWindowed[index] ? attention.windowed : attention.whole
    return try caches.attention(
      weights, shape, rotary: isWindowed[index] ? rotary.windowed : rotary.whole, isWindowed: isWindowed[index],
      shares: index >= firstSharing, epsilon: frame.epsilon, state: &state)
  }

  private func network(_ layer: WeightScope, _ index: Int) throws(ModelError) -> any Block {
    let width = widensSharing && index >= firstSharing ? 2 * hidden : hidden
    let dense = try FeedForward.gated(layer["mlp"], .geluTanhGated, width: frame.width, hidden: width)
    guard let mixture else {
      return try ResidualBlock(
        layer, norm: "pre_feedforward_layernorm", outputNorm: "post_feedforward_layernorm", frame, dense)
    }
    func norm(_ name: String) throws(ModelError) -> RMSNorm {
      try RMSNorm(layer[name], width: frame.width, epsilon: frame.epsilon)
    }
    let router = layer["router"]
    let scale = try router.vector("scale", count: frame.width)
    var selection = mixture.selection
    // Experts in NVFP4 in files of llama.cpp's have them in their own scales.
    if router.has("per_expert_scale") {
      selection.expertScales = try router.vector("per_expert_scale", count: selection.expertCount)
    }
    let isFused = layer["experts"].has("gate_up_proj")
    return NetworkBesideExperts(
      norms: .init(
        network: try norm("pre_feedforward_layernorm"), networkOutput: try norm("post_feedforward_layernorm_1"),
        router: RMSNorm(weight: scale, epsilon: frame.epsilon).scaled(by: 1 / Float(frame.width).squareRoot()),
        experts: try norm("pre_feedforward_layernorm_2"), expertsOutput: try norm("post_feedforward_layernorm_2"),
        output: try norm("post_feedforward_layernorm")),
      network: dense,
      router: try Linear(router["proj"], input: frame.width, output: selection.expertCount, role: .exact),
      selection: selection,
      experts: try Experts(
        stacked: layer["experts"], first: isFused ? ["gate_up_proj"] : ["gate_proj", "up_proj"], second: "down_proj",
        count: selection.expertCount, width: frame.width, hidden: mixture.width, activation: .geluTanhGated,
        layer: index))
  }
}
