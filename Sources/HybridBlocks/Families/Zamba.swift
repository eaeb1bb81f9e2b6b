internal import InferCore

/// Zamba: Mamba in heads in every layer, and one transformer with the same weights before every sixth.
struct Zamba: ModelFamily {
  static let models = "Zamba"
  static let layers = "Mamba in heads, a transformer shared between layers"
  static let modelTypes = ["zamba"]
  /// Ways to compute, values that training began with, and values that follow from others.
  static let inertKeys = [
    "attention_hidden_size", "layer_types", "time_step_floor", "time_step_max", "time_step_min", "use_associative_scan",
    "use_mamba_kernels",
  ]

  private(set) var frame: ModelFrame
  let isHybrid: [Bool]
  let mamba: Mamba1.Shape
  let attention: Attention.Shape
  let hidden: Int

  var layerCount: Int { isHybrid.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, epsilon: 1e-5, tiedByDefault: true, contextLength: 4096)
    frame.norm = "model.final_layernorm"
    try config.expect("hidden_act", try config.string("hidden_act", default: "gelu"), is: "gelu")
    try config.expect("hidden_mamba_act", try config.string("hidden_mamba_act", default: "silu"), is: "silu")
    isHybrid = try Self.layers(config)
    mamba = try Self.mambaShape(config, width: frame.width)
    attention = try Zamba2.attentionShape(config, width: frame.width)
    hidden = try config.size("intermediate_size")
  }

  /// Whether each layer has the transformer before it. Without a list, the third layer has, and of those behind it one in
  /// each period.
  private static func layers(_ config: ConfigReader) throws(ModelError) -> [Bool] {
    let count = try config.size("num_hidden_layers")
    let period = try config.size("attn_layer_period", default: 6)
    let offset = try config.count("attn_layer_offset", default: 4)
    guard let kinds = try config.strings("layers_block_type") else {
      return (0..<count).map { $0 == 2 || $0 > 2 && ($0 - 3) % period == offset }
    }
    let names = ["mamba": false, "linear_attention": false, "hybrid": true]
    let isHybrid = kinds.compactMap { names[$0] }
    try config.require(
      kinds.count == count && isHybrid.count == count, "layers_block_type",
      "expected \(count) of mamba (linear_attention) or hybrid")
    return isHybrid
  }

  private static func mambaShape(_ config: ConfigReader, width: Int) throws(ModelError) -> Mamba1.Shape {
    let inner = try config.size("mamba_expand", default: 2) * width
    let heads = try config.size("n_mamba_heads", default: 2)
    try config.require(inner % heads == 0, "n_mamba_heads", "\(heads) does not divide \(inner) channels")
    var shape = Mamba1.Shape(
      width: width, inner: inner, stateSize: try config.size("mamba_d_state", default: 16),
      timeStepRank: try config.timeStepRank("mamba_dt_rank", width: width),
      taps: try config.size("mamba_d_conv", default: 4),
      convolutionBias: try config.flag("mamba_conv_bias", default: true),
      projectionBias: try config.flag("mamba_proj_bias", default: false))
    shape.heads = heads
    return shape
  }

  /// Names, and the rows of inputs and gates, which alternate.
  var storedForms: [StoredForm] {
    let inner = mamba.inner
    let halves = ["weight", "bias"].map { kind in
      StoredForm("mamba.in_proj.\(kind)", from: "mamba.in_proj.\(kind)") { stored throws(ModelError) in
        try stored.reordered(stored.name) { $0 < inner ? 2 * $0 : 2 * ($0 - inner) + 1 }
      }
    }
    return [
      .decayRates, .renamed("x_proj.weight", from: "x_proj_weight"),
      .renamed("dt_proj.weight", from: "dt_proj_weight"), .renamed("dt_proj.bias", from: "dt_proj_bias"),
    ] + halves
  }

  /// Each token's embedding.
  func side(reading weights: WeightScope) throws(ModelError) -> (any StreamSide)? { EmbeddingSide(width: frame.width) }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    var transformer: SharedTransformer?
    for index in isHybrid.indices {
      let layer = weights["model"]["layers"][index]
      let own = isHybrid[index] ? layer["mamba_decoder"] : layer
      var block = SharedTransformerBlock(
        norm: try RMSNorm(own["input_layernorm"], width: frame.width, epsilon: frame.epsilon),
        mamba: try Mamba1(own["mamba"], mamba, state: &state))
      if isHybrid[index] {
        let place = layer["shared_transf"]
        if var shared = transformer {
          // A copy, in files that do not leave it out.
          place.discard("")
          // Each use has a cache of its own.
          shared.attention.cache = shared.attention.shape.cache(&state, stage: weights.stage)
          transformer = shared
        } else {
          transformer = try readTransformer(place, &state)
        }
        if let transformer {
          block.shared = (transformer, try Linear(layer["linear"], input: frame.width, output: frame.width))
        }
      }
      layers.append(Layer(block))
    }
    return layers
  }

  private func readTransformer(
    _ weights: WeightScope, _ state: inout StateLayout
  ) throws(ModelError) -> SharedTransformer {
    let width = frame.width
    return SharedTransformer(
      attentionNorm: try RMSNorm(weights["input_layernorm"], width: 2 * width, epsilon: frame.epsilon),
      // Half of the heads' width is that of the embedding beside the stream.
      attention: try Attention(
        weights["self_attn"], attention, rotary: nil, scale: 1 / (Float(attention.headDimension) / 2).squareRoot(),
        state: &state),
      feedForwardNorm: try RMSNorm(weights["pre_ff_layernorm"], width: width, epsilon: frame.epsilon),
      feedForward: try .gated(weights["feed_forward"], .geluGated, width: width, hidden: hidden))
  }
}
