internal import InferCore
internal import InferText

extension DialectField {
  /// Counts and widths of experts; `nil` for a model without.
  static func experts(
    _ count: String, topK: String, width: String, _ routing: @escaping @Sendable (Family) -> ExpertSelection?,
    _ expertWidth: @escaping @Sendable (Family) -> Int
  ) -> [DialectField] {
    [
      .count("expert_count", count, optional: true) { routing($0)?.expertCount },
      .count("expert_used_count", topK, optional: true) { routing($0)?.topK },
      .count("expert_feed_forward_length", width, optional: true) { routing($0) == nil ? nil : expertWidth($0) },
    ]
  }
}

extension DialectMetadata {
  /// The choice of experts by sigmoid scores, in groups.
  mutating func sigmoidRouting(_ routing: ExpertSelection) {
    self["expert_gating_func"] = ExpertScoring.sigmoid.value
    self["expert_group_count"] = .count(routing.groups.count)
    self["expert_group_used_count"] = .count(routing.groups.kept)
  }
}

/// GLM-4, GLM-4.5 and 4.6.
enum Glm4Dialect: Dialect {
  static let architectures = ["glm4", "glm4moe"]
  static let fields: [DialectField<Glm4>] =
    DialectField.frame()
    + DialectField.experts(
      "n_routed_experts", topK: "num_experts_per_tok", width: "moe_intermediate_size", { $0.routing },
      { $0.expertWidth }
    ) + [
      .count("feed_forward_length", "intermediate_size") { $0.denseWidth },
      .count("expert_shared_count", "n_shared_experts", optional: true) { $0.routing == nil ? nil : $0.sharedExperts },
      .count("leading_dense_block_count", "first_k_dense_replace", optional: true) {
        $0.routing == nil ? nil : $0.denseLayers
      },
      .number("expert_weights_scale", "routed_scaling_factor", optional: true) { $0.routing?.scale },
      .flag("expert_weights_norm", "norm_topk_prob", optional: true) { $0.routing?.normalized },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    let hasExperts = file.architecture == "glm4moe"
    config.set("model_type", hasExperts ? "glm4_moe" : "glm4", from: .architecture)
    try file.attention(into: &config)
    file.flag("attention_bias", hasInLayers: "attn_q.bias", into: &config)
    try file.rotary(into: &config)
    if hasExperts { file.flag("use_qk_norm", hasInLayers: "attn_q_norm.weight", into: &config) }
  }

  static func rules(_ family: Glm4) -> [TensorRule] {
    let mlp = "model.layers.{n}.mlp"
    guard let routing = family.routing else {
      return TensorRule.frame() + TensorRule.layerNorms()
        + TensorRule.outputNorms(attention: "post_self_attn_layernorm", network: "post_mlp_layernorm")
        + TensorRule.attention() + [
          TensorRule("blk.{n}.ffn_up.weight", as: "\(mlp).gate_up_proj.weight"),
          TensorRule("blk.{n}.ffn_down.weight", as: "\(mlp).down_proj.weight"),
        ]
    }
    return TensorRule.frame() + TensorRule.layerNormsBehindAttention() + TensorRule.attention()
      + TensorRule.headNorms() + TensorRule.feedForward() + TensorRule.experts(routing.expertCount)
      + TensorRule.feedForward("\(mlp).shared_experts", suffix: "_shexp")
      + TensorRule.selectionBias("\(mlp).gate.e_score_correction_bias") + [TensorRule.router()]
  }

  static func architecture(of family: Glm4) -> String? { family.routing == nil ? "glm4" : "glm4moe" }

  static func describe(_ family: Glm4, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention)
    guard let routing = family.routing else { return }
    metadata.sigmoidRouting(routing)
    metadata["nextn_predict_layers"] = .count(0)
  }

  static func obstacle(_ family: Glm4) -> String? {
    if let routing = family.routing, routing.groups.count > 1 { return "groups of experts" }
    return family.attention.rotary?.obstacle
  }
}

/// ERNIE 4.5.
enum ErnieDialect: Dialect {
  static let architectures = ["ernie4_5", "ernie4_5-moe"]
  static let fields: [DialectField<Ernie>] =
    DialectField.frame()
    + DialectField.experts(
      "moe_num_experts", topK: "moe_k", width: "moe_intermediate_size", { $0.routing }, { $0.expertWidth }
    ) + [.count("feed_forward_length", "intermediate_size") { $0.denseWidth }]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    let hasExperts = file.architecture == "ernie4_5-moe"
    config.set("model_type", hasExperts ? "ernie4_5_moe" : "ernie4_5", from: .architecture)
    try file.attention(into: &config)
    file.flag("use_bias", hasInLayers: "attn_q.bias", into: &config)
    try file.rotary(into: &config)
    guard hasExperts else { return }
    config.set(
      "moe_layer_start_index", .integer(try file.count("leading_dense_block_count", default: 0)),
      from: "leading_dense_block_count", isComputed: false)
    config.set(
      "moe_layer_interval", .integer(try file.count("interleave_moe_layer_step", default: 1)),
      from: "interleave_moe_layer_step", isComputed: false)
    // The width that files tell is not that of the shared experts.
    let width = try file.count("expert_feed_forward_length")
    let name = file.tensors.keys.first { $0.hasExactSuffix(".ffn_up_shexp.weight") }
    let shared = if let name { try file.shape(of: name, dimensions: 2)[0] } else { 0 }
    guard width > 0, shared % width == 0 else {
      throw file.wrong("expert_feed_forward_length", "\(width)", "a divisor of the shared experts' \(shared)")
    }
    config.set("moe_num_shared_experts", .integer(shared / width), from: .tensor(name ?? "ffn_up_shexp.weight"))
  }

  static func rules(_ family: Ernie) -> [TensorRule] {
    let mlp = "model.layers.{n}.mlp"
    let experts = family.routing?.expertCount ?? 0
    let bias = "\(mlp).moe_statics.e_score_correction_bias"
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention() + TensorRule.feedForward()
      + TensorRule.experts(experts) + TensorRule.feedForward("\(mlp).shared_experts", suffix: "_shexp") + [
        TensorRule("blk.{n}.exp_probs_b.bias", as: bias, .row), TensorRule("blk.{n}.exp_probs_b", as: bias, .row),
        TensorRule.router(),
      ]
  }

  static func architecture(of family: Ernie) -> String? { family.routing == nil ? "ernie4_5" : nil }

  static func describe(_ family: Ernie, in metadata: inout DialectMetadata) { metadata.attention(family.attention) }

  static func obstacle(_ family: Ernie) -> String? { family.bias ? "biases" : family.attention.rotary?.obstacle }
}

/// dots.llm1.
enum Dots1Dialect: Dialect {
  static let architectures = ["dots1"]
  static let fields: [DialectField<Dots1>] =
    DialectField.frame()
    + DialectField.experts(
      "n_routed_experts", topK: "num_experts_per_tok", width: "moe_intermediate_size", { $0.routing },
      { $0.expertWidth }
    ) + [
      .count("feed_forward_length", "intermediate_size") { $0.denseWidth },
      .count("expert_shared_count", "n_shared_experts") { $0.sharedExperts },
      .count("leading_dense_block_count", "first_k_dense_replace", optional: true) { $0.denseLayers },
      .number("expert_weights_scale", "routed_scaling_factor", optional: true) { $0.routing.scale },
      .flag("expert_weights_norm", "norm_topk_prob", optional: true) { $0.routing.normalized },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "dots1", from: .architecture)
    config.set("sliding_window", .null, from: .architecture)
    config.set("use_sliding_window", false, from: .architecture)
    try file.attention(into: &config)
    try file.rotary(into: &config)
  }

  static func rules(_ family: Dots1) -> [TensorRule] {
    let mlp = "model.layers.{n}.mlp"
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention() + TensorRule.headNorms()
      + TensorRule.feedForward() + TensorRule.experts(family.routing.expertCount)
      + TensorRule.feedForward("\(mlp).shared_experts", suffix: "_shexp")
      + TensorRule.selectionBias("\(mlp).gate.e_score_correction_bias") + [TensorRule.router()]
  }

  static func describe(_ family: Dots1, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention)
    metadata.sigmoidRouting(family.routing)
  }

  static func obstacle(_ family: Dots1) -> String? {
    if family.attention.sights.contains(where: { $0.window != nil }) { return "windows" }
    if family.routing.groups.count > 1 { return "groups of experts" }
    return family.attention.shape.bias ? "biases in attention" : family.attention.rotary?.obstacle
  }
}

/// MiniMax M2.
enum MiniMaxM2Dialect: Dialect {
  static let architectures = ["minimax-m2"]
  static let fields: [DialectField<MiniMaxM2>] =
    DialectField.frame()
    + DialectField.experts(
      "num_local_experts", topK: "num_experts_per_tok", width: "intermediate_size", { $0.routing }, { $0.expertWidth })

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "minimax_m2", from: .architecture)
    try file.attention(into: &config)
    try file.rotary(into: &config, theta: 5_000_000)
    file.flag("use_qk_norm", hasInLayers: "attn_q_norm.weight", into: &config)
  }

  static func rules(_ family: MiniMaxM2) -> [TensorRule] {
    let experts = "model.layers.{n}.block_sparse_moe"
    let names = [("gate", "w1"), ("up", "w3"), ("down", "w2")]
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention() + TensorRule.headNorms()
      + names.map { part, name in
        TensorRule(
          "blk.{n}.ffn_\(part)_exps.weight", as: "\(experts).experts.{e}.\(name).weight",
          .experts(family.routing.expertCount))
      } + TensorRule.selectionBias("\(experts).e_score_correction_bias")
      + [TensorRule.router("block_sparse_moe.gate.weight")]
  }

  static func describe(_ family: MiniMaxM2, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention)
    metadata["expert_gating_func"] = ExpertScoring.sigmoid.value
    metadata["feed_forward_length"] = .count(family.expertWidth)
  }

  static func obstacle(_ family: MiniMaxM2) -> String? {
    family.attention.headNorms == nil ? "queries without norms" : family.attention.rotary?.obstacle
  }
}
