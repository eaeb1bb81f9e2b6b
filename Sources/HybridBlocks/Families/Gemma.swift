internal import InferCore

/// Gemma's text models: attention and GEGLU, with norms before and behind both in Gemma 2 and 3. Layers with windows and
/// those that see everything alternate. Gemma 2 holds scores and logits within caps, Gemma 3 has norms of query and key
/// heads and positions of another base in windows.
struct Gemma: ModelFamily {
  static let models = "Gemma, Gemma 2, Gemma 3 (text)"
  static let layers = "attention, in windows as well"
  static let modelTypes = ["gemma", "gemma2", "gemma3", "gemma3_text"]
  /// Images.
  static let inertKeys = [
    "boi_token_index", "cache_implementation", "eoi_token_index", "image_token_index", "mm_tokens_per_image",
    "vision_config",
  ]

  /// The generation, by which more than numbers differs.
  enum Kind: Int, Sendable { case one = 1, two, three }

  let kind: Kind
  private(set) var frame: ModelFrame
  let attention: LayeredAttention
  let hidden: Int
  /// Whether it is the text model of one that sees images.
  let isInside: Bool

  var layerCount: Int { attention.sights.count }

  init(_ config: ConfigReader) throws(ModelError) {
    let modelType = try config.string("model_type")
    let kind = ["gemma": Kind.one, "gemma2": .two][modelType] ?? .three
    guard modelType == "gemma3" else {
      try self.init(config, kind, isInside: false)
      return
    }
    guard let text = try config.object("text_config") else {
      throw config.wrong("text_config", because: "is missing, expected the configuration of the text model")
    }
    text.ignore(Families.inertKeys + Self.inertKeys)
    try self.init(text, kind, isInside: true)
    frame.isTied = try config.flag("tie_word_embeddings", default: frame.isTied)
  }

  private init(_ config: ConfigReader, _ kind: Kind, isInside: Bool) throws(ModelError) {
    self.kind = kind
    self.isInside = isInside
    var frame = try ModelFrame(
      config, epsilon: 1e-6, tiedByDefault: true, contextLength: kind == .three ? 131_072 : 8192,
      vocabularySize: kind == .three ? 262_208 : nil)
    frame.embeddingScale = Float(Double(frame.width).squareRoot())
    if kind != .one, config.has("final_logit_softcapping") {
      frame.logitCap = Float(try config.positive("final_logit_softcapping"))
    }
    self.frame = frame
    let layers = try config.size("num_hidden_layers", default: kind == .three ? 26 : nil)
    let activation = try config.string("hidden_activation", "hidden_act", default: "gelu_pytorch_tanh")
    try config.require(
      ["gelu_pytorch_tanh", "gelu"].contains(activation), "hidden_activation",
      "\(activation) is not supported, expected gelu_pytorch_tanh")
    // Where there are both, the first counts; the other was never used.
    config.ignore(["hidden_act"])
    let isBidirectional = try config.flag("use_bidirectional_attention", default: false)
    try config.expect("use_bidirectional_attention", isBidirectional, is: false)
    var shape = try Self.shape(config, kind, width: frame.width)
    if kind != .one, config.has("attn_logit_softcapping") {
      shape.scoreCap = Float(try config.positive("attn_logit_softcapping"))
    }
    let windows = try Self.windows(config, kind, layers: layers)
    let rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: kind == .three ? 1e6 : 10_000)
    let windowed =
      kind == .three
      ? try config.windowedRotary(
        headDimension: shape.headDimension, contextLength: frame.contextLength, base: "rope_local_base_freq",
        theta: 10_000)
      : rotary
    let scale =
      kind == .one ? nil : Float(1 / (try config.positive("query_pre_attn_scalar", default: 256)).squareRoot())
    attention = LayeredAttention(
      shape, sights: windows.map { LayerSight(window: $0, rotary: $0 == nil ? rotary : windowed) },
      headNorms: kind == .three ? .heads : nil, scale: scale)
    hidden = try config.size("intermediate_size")
  }

  /// Widths of published models of the third generation stand in their files only where they are not the usual ones.
  private static func shape(_ config: ConfigReader, _ kind: Kind, width: Int) throws(ModelError) -> Attention.Shape {
    let heads = try config.size("num_attention_heads", default: kind == .three ? 8 : nil)
    let keyHeads = try config.size("num_key_value_heads", default: kind == .three ? 4 : heads)
    try config.require(heads % keyHeads == 0, "num_key_value_heads", "\(keyHeads) does not divide \(heads) heads")
    let bias = try config.flag("attention_bias", default: false)
    return Attention.Shape(
      width: width, queryHeads: heads, keyHeads: keyHeads, headDimension: try config.size("head_dim", default: 256),
      bias: bias, outputBias: bias)
  }

  private static func windows(_ config: ConfigReader, _ kind: Kind, layers: Int) throws(ModelError) -> [Int?] {
    switch kind {
    case .one: Array(repeating: nil, count: layers)
    case .two: try config.windows(layers: layers, default: 4096) { $0 % 2 == 0 }
    case .three: try config.windows(layers: layers, every: 6, default: 4096)
    }
  }

  /// All norms are stored as differences from one.
  var storedForms: [StoredForm] {
    let norms = [
      "input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm",
      "q_norm", "k_norm", "norm",
    ]
    return norms.flatMap(StoredForm.normFromOne)
  }

  /// Text models inside others have had two paths.
  var storedPrefixes: [StoredPrefix] {
    isInside ? StoredPrefix.ofTextModels : []
  }

  private var norms: LayerNorms {
    kind == .one
      ? .usual
      : .around(
        "input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    let layers = try attention.layers(weights, frame, norms, state: &state) { layer, _ throws(ModelError) in
      try FeedForward.gated(layer["mlp"], .geluTanhGated, width: frame.width, hidden: hidden)
    }
    if isInside { weights.discardSight("vision_tower.", "multi_modal_projector.") }
    return layers
  }
}
