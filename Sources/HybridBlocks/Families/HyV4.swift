internal import InferCore

/// Hunyuan 4 (Hy4): latent attention with sinks and gates over keys that a scorer chooses, mostly that of an earlier layer; a
/// dense layer first, then experts chosen by biased sigmoid scores, with bounds on their activations, beside an ungated shared
/// one; a residual stream of several lanes.
struct HyV4: ModelFamily {
  static let models = "Hunyuan 4 (Hy4)"
  static let layers = "latent attention, indexed; experts; a stream of several lanes"
  static let modelTypes = ["hy_v4"]
  /// Values that follow from others, or that training began with, and layers that predict tokens further ahead.
  static let inertKeys = [
    "head_dim", "learnable_sink_init", "num_key_value_heads", "num_mtp_layers", "num_nextn_predict_layers",
    "qk_head_dim",
  ]

  let frame: ModelFrame
  private(set) var attention: LatentAttention.Shape
  let scoreScale: Float
  let rotary: RotaryEmbedding
  private(set) var indexer: KeyIndexer.Shape
  /// Whether each layer has a scorer of its own.
  let hasIndexer: [Bool]
  let isDense: [Bool]
  let denseWidth: Int
  let expertWidth: Int
  let sharedExperts: Int
  /// The bound on activations of experts; 0 for none.
  let limit: Float
  /// The choice of experts, but for the bias, of which each layer has its own.
  let routing: ExpertSelection
  let lanes: Int
  /// The factor on the weights by which lanes are written.
  let magnitude: Float
  let laneEpsilon: Float

  var layerCount: Int { isDense.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, epsilon: 1e-5)
    let count = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    attention = try config.latentAttentionShape(width: frame.width)
    attention.hasGates = true
    attention.hasSinks = true
    scoreScale = try config.latentScoreScale(attention)
    rotary = try config.rotary(
      headDimension: attention.sharedKeyDimension, contextLength: frame.contextLength, theta: 10_000,
      key: "qk_rope_head_dim")
    (indexer, _) = try DeepSeek.indexer(config, attention, width: frame.width, frame.contextLength, heads: 16)
    indexer.firstRotated = indexer.dimension - attention.sharedKeyDimension
    indexer.epsilon = frame.epsilon
    hasIndexer = try Self.indexers(config, count)
    isDense = try config.denseLayers(count, first: 1)
    denseWidth = try config.size("intermediate_size")
    expertWidth = try config.size("moe_intermediate_size")
    sharedExperts = try config.count("n_shared_experts", "num_shared_experts", default: 1)
    limit = max(0, try config.number("swiglu_limit", default: 10))
    routing = try config.sigmoidRouting()
    lanes = try config.size("hc_mult", default: 4)
    try config.require(lanes <= 64, "hc_mult", "\(lanes) lanes, expected at most 64")
    magnitude = try config.number("hc_magnitude", default: 2)
    laneEpsilon = Float(try config.positive("hc_eps", default: 1e-6))
  }

  private static func indexers(_ config: ConfigReader, _ count: Int) throws(ModelError) -> [Bool] {
    guard let kinds = try config.strings("indexer_types") else {
      return (0..<count).map { $0 == 0 || ($0 - 1) % 4 == 0 }
    }
    try config.require(
      kinds.count == count && kinds.first == "full" && kinds.allSatisfy { ["full", "shared"].contains($0) },
      "indexer_types", "expected \(count) of full or shared, the first of them full")
    return kinds.map { $0 == "full" }
  }

  /// Names of published files.
  var storedForms: [StoredForm] {
    [
      .renamed("sinks", from: "learnable_sink_param"), .renamed("gate_proj.weight", from: "linear_gate.weight"),
    ] + attention.storedForms
  }

  func side(reading weights: WeightScope) throws(ModelError) -> (any StreamSide)? { ChoiceSide(columns: indexer.count) }

  func streamLanes(reading weights: WeightScope) throws(ModelError) -> (any StreamLanes)? {
    // Published files have another name than transformers writes.
    let published = weights["model"]["hc_head"]
    return LaneSum(
      weights: try LaneWeights(
        published.has("hc_head_fn") ? published : weights["model"]["hc_pre"]["hc_head"],
        names: ("hc_head_fn", "hc_head_base", "hc_head_scale"), lanes: lanes, width: frame.width, magnitudes: [1],
        epsilon: (laneEpsilon, frame.epsilon)))
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    var rule: (any KeyRule)?
    for index in isDense.indices {
      let layer = weights["model"]["layers"][index]
      var heads = try LatentAttention(
        layer["self_attn"], attention, rotary: rotary, scale: scoreScale, state: &state)
      if hasIndexer[index] {
        let own = try KeyIndexer(layer["self_attn"]["indexer"], indexer, rotary: rotary, state: &state)
        heads.indexer = own
        rule = own.rule
      }
      let content = rule.map { LaneBlock.Content.indexed(heads, $0) } ?? .mixer(heads)
      let network: any Mixer =
        isDense[index]
        ? try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: denseWidth)
        : try experts(layer["mlp"], index)
      layers.append(
        Layer(
          try block(layer, "hc_attn_layer", "input_layernorm", content),
          try block(layer, "hc_mlp_layer", "post_attention_layernorm", .mixer(network))))
    }
    // They predict tokens further ahead, and take no part in the forward pass.
    weights["model"].discard("mtp_layers.")
    return layers
  }

  private func block(
    _ layer: WeightScope, _ connection: String, _ norm: String, _ content: LaneBlock.Content
  ) throws(ModelError) -> LaneBlock {
    let published = layer[connection]["hc_pre"]
    return LaneBlock(
      width: frame.width,
      connection: SummedLanes(
        weights: try LaneWeights(
          published.has("hc_fn") ? published : layer["hc_pre"][connection], names: ("hc_fn", "hc_base", "hc_scale"),
          lanes: lanes, width: frame.width, magnitudes: [1, magnitude], epsilon: (laneEpsilon, frame.epsilon)),
        norm: try frame.norm(layer[norm])),
      content: content)
  }

  private func experts(_ weights: WeightScope, _ index: Int) throws(ModelError) -> MixtureOfExperts {
    let (width, count) = (frame.width, routing.expertCount)
    var selection = routing
    selection.selectionBias = try weights.vector("gate.e_score_correction_bias", count: count)
    return MixtureOfExperts(
      router: try Linear(weights["gate"], input: width, output: count, role: .exact), selection: selection,
      experts: try Experts(
        gatedOneByOneOrStacked: weights["experts"], count: count, width: width, hidden: expertWidth,
        activation: limit > 0 ? .siluOfBoundedGated(limit: limit) : .siluGated, layer: index),
      shared: sharedExperts > 0
        ? try .swiGLU(weights["shared_experts"], width: width, hidden: sharedExperts * expertWidth) : nil)
  }
}
