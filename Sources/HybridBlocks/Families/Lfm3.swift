internal import InferCore

/// LFM3: gated short convolutions, and attention with norms of query and key heads and gates of heads, in windows or over
/// everything; SwiGLU behind each, and norms before and behind both.
struct Lfm3: ModelFamily {
  static let models = "LFM3"
  static let layers = "short convolutions, attention with gated heads, in windows as well"
  static let modelTypes = ["lfm3"]

  private(set) var frame: ModelFrame
  let kinds: [String]
  private(set) var attention: LayeredAttention
  let taps: Int
  let convolutionBias: Bool
  let norms: LayerNorms
  let hidden: Int

  var layerCount: Int { kinds.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, epsilonKey: "norm_eps", epsilon: 1e-5, tiedByDefault: true)
    frame.norm = "model.embedding_norm"
    let kinds = try config.layerTypes(
      config.size("num_hidden_layers"), of: ["conv", "sliding_attention", "full_attention"]
    ) { $0 % 4 == 2 ? "full_attention" : $0 % 4 == 0 && $0 > 0 ? "sliding_attention" : "conv" }
    self.kinds = kinds
    var shape = try config.attentionShape(width: frame.width, bias: try config.flag("attention_bias", default: false))
    shape.hasHeadGates = try config.flag("use_attention_gate", default: true)
    let sights = try Self.sights(config, kinds, shape, contextLength: frame.contextLength)
    attention = LayeredAttention(shape, sights: sights, headNorms: .heads)
    taps = try config.size("conv_L_cache", default: 7)
    convolutionBias = try config.flag("conv_bias", default: false)
    norms =
      try config.flag("use_sandwich_norm", default: true)
      ? .around("operator_norm", "post_operator_norm", "ffn_norm", "post_ffn_norm")
      : .before("operator_norm", "ffn_norm")
    hidden = try config.size("intermediate_size")
  }

  /// The sight of each layer. Without positions in the file, those of layers that see everything turn half of each head.
  private static func sights(
    _ config: ConfigReader, _ kinds: [String], _ shape: Attention.Shape, contextLength: Int
  ) throws(ModelError) -> [LayerSight] {
    let window = try config.optionalLength("sliding_window", default: 256)
    try config.require(
      window != nil || !kinds.contains("sliding_attention"), "sliding_window",
      "is missing, expected the number of tokens that layers of sliding_attention look at")
    let size = shape.headDimension
    let whole: RotaryEmbedding
    if config.has("rope_parameters") {
      whole = try config.rotary(headDimension: size, contextLength: contextLength, theta: 1_000_000)
    } else {
      try config.require(size % 4 == 0, "head_dim", "\(size) dimensions, of which half cannot be rotated")
      whole = RotaryEmbedding(
        RotaryFrequencies(dimension: size, base: 1_000_000).proportional(pairs: size / 4, factor: 1),
        contextLength: contextLength)
    }
    let windowed = try config.windowedRotary(
      headDimension: size, contextLength: contextLength, base: "rope_local_base_freq", theta: 10_000)
    return kinds.map {
      $0 == "sliding_attention" ? LayerSight(window: window, rotary: windowed) : LayerSight(rotary: whole)
    }
  }

  var storedForms: [StoredForm] { [.renamed("g_proj.weight", from: "gate_proj.weight")] }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for (index, kind) in kinds.enumerated() {
      let layer = weights["model"]["layers"][index]
      let mixer: any Mixer =
        kind == "conv"
        ? try ShortConvolution(layer["conv"], width: frame.width, taps: taps, bias: convolutionBias, state: &state)
        : try attention.mixer(layer["self_attn"], layer: index, epsilon: frame.epsilon, state: &state)
      let network = try FeedForward.swiGLU(
        layer["feed_forward"], width: frame.width, hidden: hidden, names: .numbered)
      layers.append(try norms.layer(layer, frame, mixer, network))
    }
    return layers
  }
}
