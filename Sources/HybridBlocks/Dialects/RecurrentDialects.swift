internal import InferCore
internal import InferText

/// Models of Mamba or Mamba-2 layers alone.
enum MambaDialect: Dialect {
  static let architectures = ["mamba", "mamba2"]
  static let fields: [DialectField<Mamba>] =
    DialectField.frame(epsilon: "layer_norm_epsilon") + [
      .count("ssm.conv_kernel", "conv_kernel") { $0.kind.sizes.taps },
      .count("ssm.state_size", "state_size") { $0.kind.sizes.state },
      .count("ssm.group_count", "n_groups", optional: true) { $0.kind.sizes.groups },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    file.flag("use_conv_bias", hasInLayers: "ssm_conv1d.bias", into: &config)
    file.flag("use_bias", hasInLayers: "ssm_in.bias", into: &config)
    let rank = JSONValue.integer(try file.count("ssm.time_step_rank"))
    if file.architecture == "mamba2" {
      config.set("model_type", "mamba2", from: .architecture)
      config.set("num_heads", rank, from: "ssm.time_step_rank", isComputed: false)
      config.set("head_dim", .integer(try file.mambaHeadDimension()), from: "ssm.inner_size")
      return
    }
    let normalizes = try file.flag("ssm.dt_b_c_rms", default: false)
    config.set("model_type", normalizes ? "falcon_mamba" : "mamba", from: "ssm.dt_b_c_rms")
    config.set("time_step_rank", rank, from: "ssm.time_step_rank", isComputed: false)
    let inner = try file.count("ssm.inner_size")
    config.set("intermediate_size", .integer(inner), from: "ssm.inner_size", isComputed: false)
  }

  static func rules(_ family: Mamba) -> [TensorRule] {
    let mixer = "backbone.layers.{n}.mixer"
    let frame = [
      TensorRule("token_embd.weight", as: "backbone.embeddings.weight"),
      TensorRule("output_norm.weight", as: "backbone.norm_f.weight"), TensorRule("output.weight", as: "lm_head.weight"),
      TensorRule("blk.{n}.attn_norm.weight", as: "backbone.layers.{n}.norm.weight"),
    ]
    return switch family.kind {
    case .one: frame + TensorRule.mamba1(mixer)
    case .two(let shape): frame + TensorRule.mamba2(mixer, shape)
    }
  }

  static func architecture(of family: Mamba) -> String? {
    if case .one = family.kind { "mamba" } else { "mamba2" }
  }

  static func describe(_ family: Mamba, in metadata: inout DialectMetadata) {
    // llama.cpp asks for these of every model.
    metadata["feed_forward_length"] = .count(0)
    metadata["attention.head_count"] = .count(0)
    switch family.kind {
    case .one(let shape, let innerEpsilon):
      metadata["ssm.inner_size"] = .count(shape.inner)
      metadata["ssm.time_step_rank"] = .count(shape.timeStepRank)
      metadata["ssm.dt_b_c_rms"] = .bool(innerEpsilon != nil)
    case .two(let shape):
      metadata["ssm.inner_size"] = .count(shape.inner)
      metadata["ssm.time_step_rank"] = .count(shape.heads)
    }
  }

  static func obstacle(_ family: Mamba) -> String? {
    switch family.kind {
    case .one(let shape, _):
      shape.inner == 2 * family.frame.width ? shape.biasObstacle : "Mamba layers but of twice the model's width"
    case .two(let shape): shape.convolutionBias ? shape.biasObstacle : "convolutions without bias"
    }
  }
}

extension Mamba.Kind {
  fileprivate var sizes: (taps: Int, state: Int, groups: Int?) {
    switch self {
    case .one(let shape, _): (shape.taps, shape.stateSize, nil)
    case .two(let shape): (shape.taps, shape.stateSize, shape.groups)
    }
  }
}

/// Jamba: Mamba with normalised selection, and attention and experts at every so many layers.
enum JambaDialect: Dialect {
  static let architectures = ["jamba"]
  static let fields: [DialectField<Jamba>] =
    DialectField.frame() + [
      .count("feed_forward_length", "intermediate_size") { $0.hidden },
      .count("ssm.conv_kernel", "mamba_d_conv") { $0.mamba.taps },
      .count("ssm.state_size", "mamba_d_state") { $0.mamba.stateSize },
      .count("ssm.time_step_rank", "mamba_dt_rank") { $0.mamba.timeStepRank },
      .count("expert_count", "num_experts", optional: true) { $0.selection.expertCount },
      .count("expert_used_count", "num_experts_per_tok", optional: true) { $0.selection.topK },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "jamba", from: .architecture)
    let keyHeads = try file.attention(into: &config)
    let width = try file.count("embedding_length")
    let inner = try file.count("ssm.inner_size")
    guard width > 0, inner % width == 0 else {
      throw file.wrong("ssm.inner_size", "\(inner)", "a multiple of embedding_length \(width)")
    }
    config.set("mamba_expand", .integer(inner / width), from: "ssm.inner_size")
    file.flag("mamba_conv_bias", hasInLayers: "ssm_conv1d.bias", into: &config)
    file.flag("mamba_proj_bias", hasInLayers: "ssm_in.bias", into: &config)
    let layers = 0..<keyHeads.count
    guard let attention = rhythm(layers.filter { keyHeads[$0] > 0 }, of: keyHeads.count) else {
      throw file.wrong("attention.head_count_kv", "\(keyHeads)", "attention at every so many layers")
    }
    config.set("attn_layer_period", .integer(attention.period), from: "attention.head_count_kv")
    config.set("attn_layer_offset", .integer(attention.offset), from: "attention.head_count_kv")
    let expertLayers = layers.filter { file.tensors["blk.\($0).ffn_gate_inp.weight"] != nil }
    guard !expertLayers.isEmpty else {
      config.set("num_experts", 1, from: "expert_count")
      return
    }
    guard let experts = rhythm(expertLayers, of: keyHeads.count) else {
      throw file.wrong("expert_count", "that of layers \(expertLayers)", "that of every so many layers")
    }
    config.set("expert_layer_period", .integer(experts.period), from: .tensor("ffn_gate_inp.weight"))
    config.set("expert_layer_offset", .integer(experts.offset), from: .tensor("ffn_gate_inp.weight"))
  }

  /// The first of some layers and the distance between them, where that is always the same.
  private static func rhythm(_ layers: [Int], of count: Int) -> (period: Int, offset: Int)? {
    guard let offset = layers.first else { return nil }
    let period = layers.count > 1 ? layers[1] - offset : count
    return offset < period && Array(stride(from: offset, to: count, by: period)) == layers ? (period, offset) : nil
  }

  static func rules(_ family: Jamba) -> [TensorRule] {
    let layer = "model.layers.{n}"
    let network = "\(layer).feed_forward"
    let norms = ["dt", "b", "c"].map {
      TensorRule("blk.{n}.ssm_\($0)_norm.weight", as: "\(layer).mamba.\($0)_layernorm.weight")
    }
    return TensorRule.frame(norm: "model.final_layernorm") + TensorRule.layerNorms(second: "pre_ff_layernorm")
      + TensorRule.attention() + TensorRule.mamba1("\(layer).mamba") + norms + TensorRule.feedForward(network)
      + TensorRule.experts(family.selection.expertCount, "\(network).experts")
      + [TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(network).router.weight")]
      // Some checkpoints have a layer's one network as its only expert.
      + TensorRule.feedForward("\(network).experts.0")
  }

  static func describe(_ family: Jamba, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention, in: family.isAttention)
    metadata["ssm.inner_size"] = .count(family.mamba.inner)
  }

  static func obstacle(_ family: Jamba) -> String? {
    family.attention.spansStream
      ? family.mamba.biasObstacle : "heads that are wider or narrower together than the model"
  }
}

/// LFM2: short convolutions and attention, with experts or without.
enum Lfm2Dialect: Dialect {
  static let architectures = ["lfm2", "lfm2moe"]
  static let fields: [DialectField<Lfm2>] =
    DialectField.frame(epsilon: "norm_eps") + [
      .count("feed_forward_length", "intermediate_size") { $0.denseWidth },
      .count("shortconv.l_cache", "conv_L_cache") { $0.taps },
      .count("expert_count", "num_experts", optional: true) { $0.selection?.expertCount },
      .count("expert_used_count", "num_experts_per_tok", optional: true) { $0.selection?.topK },
      .count("expert_feed_forward_length", "moe_intermediate_size", optional: true) {
        $0.selection == nil ? nil : $0.expertWidth
      },
      .count("leading_dense_block_count", "num_dense_layers", optional: true) {
        $0.selection == nil ? nil : $0.denseLayers
      },
      .number("expert_weights_scale", "routed_scaling_factor", optional: true) { $0.selection?.scale },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    let hasExperts = file.architecture == "lfm2moe"
    config.set("model_type", hasExperts ? "lfm2_moe" : "lfm2", from: .architecture)
    if hasExperts {
      config.set("use_expert_bias", .bool(file.hasSelectionBias), from: .tensor("exp_probs_b"))
    } else {
      config.set("block_auto_adjust_ff_dim", false, from: "feed_forward_length")
    }
    file.flag("conv_bias", hasInLayers: "shortconv.conv.bias", into: &config)
    let keyHeads = try file.attention(into: &config)
    config.set(
      "layer_types", .array(keyHeads.map { $0 == 0 ? "conv" : "full_attention" }), from: "attention.head_count_kv")
    try file.rotary(into: &config, theta: 1_000_000)
  }

  static func rules(_ family: Lfm2) -> [TensorRule] {
    let layer = "model.layers.{n}"
    let (network, numbered) = ("\(layer).feed_forward", ["gate": "w1", "down": "w2", "up": "w3"])
    let experts = family.selection?.expertCount ?? 0
    let networks = numbered.sorted { $0.key < $1.key }.flatMap { part, name in
      [
        TensorRule("blk.{n}.ffn_\(part).{s}", as: "\(network).\(name).{s}"),
        TensorRule("blk.{n}.ffn_\(part)_exps.weight", as: "\(network).experts.{e}.\(name).weight", .experts(experts)),
      ]
    }
    return [
      TensorRule("token_embd.weight", as: "model.embed_tokens.weight"),
      TensorRule("token_embd_norm.weight", as: "model.embedding_norm.weight"),
      TensorRule("output_norm.weight", as: "model.embedding_norm.weight"),
      TensorRule("output.weight", as: "lm_head.weight"),
      TensorRule("blk.{n}.attn_norm.weight", as: "\(layer).operator_norm.weight"),
      TensorRule("blk.{n}.ffn_norm.weight", as: "\(layer).ffn_norm.weight"),
      TensorRule("blk.{n}.shortconv.in_proj.{s}", as: "\(layer).conv.in_proj.{s}"),
      TensorRule("blk.{n}.shortconv.out_proj.{s}", as: "\(layer).conv.out_proj.{s}"),
      TensorRule("blk.{n}.shortconv.conv.weight", as: "\(layer).conv.conv.weight", .convolution),
      TensorRule("blk.{n}.shortconv.conv.bias", as: "\(layer).conv.conv.bias"),
      TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(network).gate.weight"),
    ] + networks + TensorRule.attention(output: "out_proj")
      + TensorRule.headNorms(query: "q_layernorm", key: "k_layernorm")
      + TensorRule.selectionBias("\(network).expert_bias")
  }

  static func architecture(of family: Lfm2) -> String? { family.selection == nil ? "lfm2" : "lfm2moe" }

  static func describe(_ family: Lfm2, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention, in: family.isAttention)
    metadata.rotary(family.rotary)
    metadata["expert_gating_func"] = family.selection.map { _ in ExpertScoring.sigmoid.value }
  }

  static func obstacle(_ family: Lfm2) -> String? {
    if family.convolutionBias { return "biases of convolutions" }
    if family.selection != nil && !family.usesSelectionBias { return "experts that are chosen without a bias" }
    return family.attention.spansStream
      ? family.rotary.obstacle : "heads that are wider or narrower together than the model"
  }
}
