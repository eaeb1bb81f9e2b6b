internal import InferCore

/// Granite with windows: attention with sinks, three of four layers in windows, each layer with a base of positions of its
/// own or none; then SwiGLU, or experts beside a shared network. Each branch is scaled.
struct GraniteSWA: ModelFamily {
  static let models = "Granite with windows"
  static let layers = "attention with sinks, in windows as well; experts"
  static let modelTypes = ["granite_swa", "granitemoe_swa"]

  let frame: ModelFrame
  let attention: LayeredAttention
  let residualScale: Float
  let hidden: Int
  let hiddenBias: Bool
  /// The choice of experts; `nil` for a model without.
  let routing: ExpertSelection?
  let sharedWidth: Int

  var layerCount: Int { attention.sights.count }

  init(_ config: ConfigReader) throws(ModelError) {
    var frame = try ModelFrame(config)
    frame.embeddingScale = try config.number("embedding_multiplier", default: 1)
    frame.logitScale = 1 / Float(try config.positive("logits_scaling", default: 1))
    self.frame = frame
    residualScale = try config.number("residual_multiplier", default: 1)
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    let windows = try config.windows(layers: layers, default: 128) { $0 % 4 != 0 }
    var shape = try config.attentionShape(width: frame.width, bias: try config.flag("attention_bias", default: false))
    shape.hasSinks = true
    attention = LayeredAttention(
      shape, sights: try Self.sights(config, windows, shape, contextLength: frame.contextLength),
      scale: try config.number("attention_multiplier", default: 1))
    hidden = try config.size("intermediate_size")
    hiddenBias = try config.flag("mlp_bias", default: false)
    guard try config.string("model_type") == "granitemoe_swa" else {
      (routing, sharedWidth) = (nil, 0)
      return
    }
    try config.expect("mlp_bias", hiddenBias, is: false)
    let experts = try config.size("num_local_experts", default: 8)
    routing = ExpertSelection(
      expertCount: experts, topK: try config.chosenExperts(of: experts), scoring: .softmaxOfChosen)
    sharedWidth = try config.count("shared_intermediate_size", default: 0)
  }

  /// Windows, and positions of the base that `layer_rope_theta` has for each layer, 0 for none.
  private static func sights(
    _ config: ConfigReader, _ windows: [Int?], _ shape: Attention.Shape, contextLength: Int
  ) throws(ModelError) -> [LayerSight] {
    let usual = try config.rotary(
      headDimension: shape.headDimension, contextLength: contextLength, theta: 10_000)
    guard let bases = try config.numbers("layer_rope_theta") else {
      return windows.map { LayerSight(window: $0, rotary: usual) }
    }
    try config.require(
      bases.count == windows.count && bases.allSatisfy { $0 >= 0 }, "layer_rope_theta",
      "expected \(windows.count) bases of positions, 0 for layers without")
    var rotaries: [Double: RotaryEmbedding] = [:]
    for base in Set(bases) where base > 0 {
      let frequencies = RotaryFrequencies(dimension: shape.headDimension, base: base)
      try config.require(frequencies.areUsable, "layer_rope_theta", "\(base) gives no usable frequencies")
      rotaries[base] = RotaryEmbedding(frequencies, contextLength: contextLength)
    }
    return zip(windows, bases).map { LayerSight(window: $0, rotary: rotaries[$1]) }
  }

  /// Names that experts have in files of Granite's other models.
  var storedForms: [StoredForm] {
    [
      ("experts.gate_up_proj", "input_linear.weight"), ("experts.down_proj", "output_linear.weight"),
      ("router.weight", "router.layer.weight"),
    ].map { StoredForm.renamed("block_sparse_moe.\($0)", from: "block_sparse_moe.\($1)") }
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    try attention.layers(weights, frame, scale: residualScale, state: &state, network: network)
  }

  private func network(_ layer: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    guard let routing else {
      return try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: hidden, bias: hiddenBias)
    }
    let weights = layer["block_sparse_moe"]
    let experts = try Experts(
      stacked: weights["experts"], first: ["gate_up_proj"], second: "down_proj", count: routing.expertCount,
      width: frame.width, hidden: hidden, activation: .siluGated, layer: index)
    var shared: FeedForward?
    if sharedWidth > 0 {
      shared = try .swiGLU(
        layer["shared_mlp"], width: frame.width, hidden: sharedWidth, names: GraniteMoeHybrid.names)
    }
    return MixtureOfExperts(
      router: try Linear(weights["router"], input: frame.width, output: routing.expertCount, role: .exact),
      selection: routing, experts: experts, shared: shared)
  }
}
