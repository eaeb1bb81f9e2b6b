internal import InferCore

/// Zamba2: Mamba-2 layers, before some of which stands one of a few transformers in turn. Each use of a transformer has
/// a cache of its own, and low-rank additions to its feed-forward network and, in some models, its attention.
struct Zamba2: ModelFamily {
  static let models = "Zamba2"
  static let layers = "Mamba-2, transformers shared between layers"
  static let modelTypes = ["zamba2"]
  static let inertKeys = [
    "attention_hidden_size", "chunk_size", "ffn_hidden_size", "ft_lora", "gated_linear_unit", "hybrid_layer_ids",
    "kv_channels", "lora_rank", "mamba_headdim", "num_query_groups", "rope_scaling", "state_size", "time_step_floor",
    "time_step_limit", "time_step_max", "time_step_min", "use_mamba_kernels", "use_mem_eff_path",
  ]

  let frame: ModelFrame
  let isHybrid: [Bool]
  let mamba: Mamba2.Shape
  let attention: Attention.Shape
  let rotary: RotaryEmbedding?
  let hidden: Int
  let feedForwardBias: Bool
  /// Transformers with weights of their own.
  let transformerCount: Int
  let adapterRank: Int
  let adaptsAttention: Bool

  var layerCount: Int { isHybrid.count }

  init(_ config: ConfigReader) throws(ModelError) {
    var frame = try ModelFrame(config, tiedByDefault: true)
    frame.norm = "model.final_layernorm"
    self.frame = frame
    isHybrid = try Self.layers(config)
    feedForwardBias = try config.flag("add_bias_linear", default: false)
    mamba = try Self.mambaShape(config, width: frame.width, bias: feedForwardBias)
    attention = try Self.attentionShape(config, width: frame.width)
    try config.expect("use_long_context", try config.flag("use_long_context", default: false), is: false)
    try config.expectNoSlidingWindow(contextLength: frame.contextLength)
    rotary =
      try config.flag("use_mem_rope", default: false)
      ? try config.rotary(headDimension: attention.headDimension, contextLength: frame.contextLength, theta: 10_000)
      : nil
    config.ignore(["rope_parameters", "rope_theta"])
    try config.expect("hidden_act", try config.string("hidden_act", default: "gelu"), is: "gelu")
    // Each of these has another name in the first files.
    hidden = try config.size("intermediate_size", "ffn_hidden_size", default: 4 * frame.width)
    transformerCount = try config.size("num_mem_blocks", default: 1)
    adapterRank = try config.size("adapter_rank", "lora_rank", default: 128)
    adaptsAttention = try config.flag("use_shared_attention_adapter", "use_shared_attention_lora", default: false)
    let adapts = try config.flag("use_shared_mlp_adapter", "use_shared_block_lora", default: true)
    try config.expect("use_shared_mlp_adapter", adapts, is: true)
  }

  /// Whether each layer has a transformer before it.
  private static func layers(_ config: ConfigReader) throws(ModelError) -> [Bool] {
    let names = ["mamba": false, "linear_attention": false, "hybrid": true]
    let key = config.has("layers_block_type") ? "layers_block_type" : "layer_types"
    let kinds = try config.strings(key) ?? []
    let isHybrid = kinds.compactMap { names[$0] }
    let count = try config.size("num_hidden_layers")
    try config.require(
      kinds.count == count && isHybrid.count == count, key, "expected \(count) of mamba (linear_attention) or hybrid")
    return isHybrid
  }

  private static func mambaShape(_ config: ConfigReader, width: Int, bias: Bool) throws(ModelError) -> Mamba2.Shape {
    let inner = try config.size("mamba_expand", "expansion_factor", default: 2) * width
    let heads =
      config.has("n_mamba_heads")
      ? try config.size("n_mamba_heads") : max(1, inner / (try config.size("mamba_headdim", default: 64)))
    let groups = try config.size("mamba_ngroups", default: 1)
    try config.require(inner % heads == 0, "n_mamba_heads", "\(heads) does not divide \(inner) channels")
    try config.require(heads % groups == 0, "mamba_ngroups", "\(groups) does not divide \(heads) heads")
    return Mamba2.Shape(
      width: width, heads: heads, headDimension: inner / heads, groups: groups,
      stateSize: try config.size("mamba_d_state", "state_size", default: 64),
      taps: try config.size("mamba_d_conv", "conv_dimension", default: 4),
      convolutionBias: try config.flag("use_conv_bias", default: true), inputBias: bias, outputBias: bias)
  }

  static func attentionShape(_ config: ConfigReader, width: Int) throws(ModelError) -> Attention.Shape {
    let heads = try config.size("num_attention_heads")
    let keyHeads = try config.size("num_key_value_heads", default: heads)
    try config.require(heads % keyHeads == 0, "num_key_value_heads", "\(keyHeads) does not divide \(heads) heads")
    try config.require(2 * width % heads == 0, "num_attention_heads", "\(heads) does not divide \(2 * width)")
    let headDimension = 2 * width / heads
    config.derive("head_dim", from: "num_attention_heads")
    try config.expect(
      "attention_head_dim", try config.size("attention_head_dim", "head_dim", default: headDimension),
      is: headDimension)
    return Attention.Shape(
      width: 2 * width, queryHeads: heads, keyHeads: keyHeads, headDimension: headDimension, outputWidth: width)
  }

  /// Each token's embedding.
  func side(reading weights: WeightScope) throws(ModelError) -> (any StreamSide)? { EmbeddingSide(width: frame.width) }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    var transformers: [SharedTransformer] = []
    // Where each transformer's weights stand: with its first use.
    var places: [WeightScope] = []
    var uses = 0
    for index in isHybrid.indices {
      let layer = weights["model"]["layers"][index]
      let own = isHybrid[index] ? layer["mamba_decoder"] : layer
      var block = SharedTransformerBlock(
        norm: try RMSNorm(own["input_layernorm"], width: frame.width, epsilon: frame.epsilon),
        // Its norm's ε is a constant of the architecture.
        mamba: try Mamba2(own["mamba"], mamba, epsilon: 1e-5, state: &state))
      if isHybrid[index] {
        let place = layer["shared_transformer"]
        if uses < transformerCount {
          transformers.append(try transformer(place, &state))
          places.append(place)
        } else if frame.isTied {
          // A copy, in files that do not leave it out. Where nothing is tied it may be another transformer, which
          // is left to be refused as part of no model.
          place.discard("")
        }
        block.shared = (
          try adapted(transformers[uses % transformerCount], use: uses, places[uses % transformerCount], &state),
          try Linear(layer["linear"], input: frame.width, output: frame.width)
        )
        uses += 1
      }
      layers.append(Layer(block))
    }
    return layers
  }

  private func transformer(_ weights: WeightScope, _ state: inout StateLayout) throws(ModelError) -> SharedTransformer {
    let width = frame.width
    return SharedTransformer(
      attentionNorm: try RMSNorm(weights["input_layernorm"], width: 2 * width, epsilon: frame.epsilon),
      // Half of the heads' width is that of the embedding beside the stream.
      attention: try Attention(
        weights["self_attn"], attention, rotary: rotary, scale: 1 / (Float(attention.headDimension) / 2).squareRoot(),
        state: &state),
      feedForwardNorm: try RMSNorm(weights["pre_ff_layernorm"], width: width, epsilon: frame.epsilon),
      feedForward: try .gated(
        weights["feed_forward"], .geluGated, width: width, hidden: hidden, bias: feedForwardBias))
  }

  /// A transformer with the low-rank additions of one of its uses and, after the first, a cache for it.
  private func adapted(
    _ transformer: SharedTransformer, use: Int, _ weights: WeightScope, _ state: inout StateLayout
  ) throws(ModelError) -> SharedTransformer {
    var transformer = transformer
    if use >= transformerCount {
      transformer.attention.cache = transformer.attention.shape.cache(&state, stage: weights.stage)
    }
    let network = weights["feed_forward"]
    let columns = try FeedForward.part(of: hidden, network)
    transformer.feedForward.adapter = try LowRankAdapter(
      [
        .init(
          network["gate_up_proj_adapter_list"][use], output: 2 * hidden,
          rows: [columns, columns.moved(by: hidden)])
      ], input: frame.width, rank: adapterRank)
    guard adaptsAttention else { return transformer }
    let lists = weights["self_attn"]
    let (part, d) = (try attention.part(lists), attention.headDimension)
    func adapter(_ name: String, _ heads: Int, _ part: Range<Int>) -> Linear.Part {
      .init(lists["linear_\(name)_adapter_list"][use], output: heads * d, rows: [part.columns(d)])
    }
    transformer.attention.adapter = try LowRankAdapter(
      [
        adapter("q", attention.queryHeads, part.heads), adapter("k", attention.keyHeads, part.keyHeads),
        adapter("v", attention.keyHeads, part.keyHeads),
      ], input: 2 * frame.width, rank: adapterRank)
    return transformer
  }
}
