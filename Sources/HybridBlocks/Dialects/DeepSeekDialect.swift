internal import InferCore
internal import InferText

/// DeepSeek-V2 and V3 and those built like them, with latent attention: one name for both, which differ in how experts are
/// chosen, and another one for V3.2, whose rows see keys that a scorer chooses.
enum DeepSeekDialect: Dialect {
  static let architectures = ["deepseek2", "deepseek32"]
  static let fields: [DialectField<DeepSeek>] =
    DialectField.frame() + [
      .count("feed_forward_length", "intermediate_size") { $0.denseWidth },
      .count("attention.head_count", "num_attention_heads") { $0.attention.heads },
      .count("attention.kv_lora_rank", "kv_lora_rank") { $0.attention.latentDimension },
      .count("leading_dense_block_count", "first_k_dense_replace", optional: true) { $0.denseLayers },
      .count("expert_count", "n_routed_experts") { $0.routing.expertCount },
      .count("expert_used_count", "num_experts_per_tok") { $0.routing.topK },
      .count("expert_feed_forward_length", "moe_intermediate_size") { $0.expertWidth },
      .count("expert_shared_count", "n_shared_experts", optional: true) { $0.sharedExperts },
      .count("expert_group_count", "n_group", optional: true) { $0.routing.groups.count },
      .count("expert_group_used_count", "topk_group", optional: true) { $0.routing.groups.kept },
      .number("expert_weights_scale", "routed_scaling_factor", optional: true) { $0.routing.scale },
    ] + DialectField.indexer { $0.indexer?.shape }

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    try routing(of: &config, file)
    if file.architecture == "deepseek32" { config.set("model_type", "deepseek_v32", from: .architecture) }
    try latentAttention(of: &config, file)
    try file.rotary(into: &config)
    if file.has("rope.scaling.yarn_log_multiplier") {
      let magnitude = JSONValue.number(try file.number("rope.scaling.yarn_log_multiplier") * 10)
      for name in ["mscale", "mscale_all_dim"] {
        config.set("rope_parameters.\(name)", magnitude, from: "rope.scaling.yarn_log_multiplier")
      }
    }
  }

  /// The rank of queries, and the widths of the parts of keys and of values.
  static func latentAttention(
    of config: inout Configuration, _ file: GGUFDescription
  ) throws(ModelError) {
    if file.hasInLayers("attn_q_a.weight") {
      let rank = try file.count("attention.q_lora_rank")
      config.set("q_lora_rank", .integer(rank), from: "attention.q_lora_rank", isComputed: false)
    }
    // Lengths of keys and values are those of the shared latent where it is not expanded.
    let isExpanded = (
      key: file.has("attention.key_length_mla"), value: file.has("attention.value_length_mla")
    )
    let keyLength = isExpanded.key ? "attention.key_length_mla" : "attention.key_length"
    let valueLength = isExpanded.value ? "attention.value_length_mla" : "attention.value_length"
    let (query, shared) = (try file.count(keyLength), try file.count("rope.dimension_count"))
    guard query > shared else { throw file.wrong(keyLength, "\(query)", "more than \(shared)") }
    config.set("qk_rope_head_dim", .integer(shared), from: "rope.dimension_count", isComputed: false)
    config.set("qk_nope_head_dim", .integer(query - shared), from: .key(keyLength))
    config.set("v_head_dim", .integer(try file.count(valueLength)), from: .key(valueLength), isComputed: false)
  }

  private static func routing(of config: inout Configuration, _ file: GGUFDescription) throws(ModelError) {
    // Only models that choose by sigmoid scores have a bias for the choice.
    let usual = file.hasSelectionBias ? ExpertScoring.sigmoid : .softmax
    let scoring = try file.count("expert_gating_func", default: usual.rawValue)
    let normalizes = try file.flag("expert_weights_norm", default: false)
    config.set("norm_topk_prob", .bool(normalizes), from: "expert_weights_norm", isComputed: false)
    switch ExpertScoring(rawValue: scoring) {
    case .sigmoid:
      config.set("model_type", "deepseek_v3", from: "expert_gating_func")
      return
    case .softmax: config.set("model_type", "deepseek_v2", from: "expert_gating_func")
    case nil: throw file.wrong("expert_gating_func", "\(scoring)", "1 or 2, for softmax or sigmoid")
    }
    let groups = try file.count("expert_group_count", default: 1)
    config.set("topk_method", groups > 1 ? "group_limited_greedy" : "greedy", from: "expert_group_count")
  }

  static func rules(_ family: DeepSeek) -> [TensorRule] {
    let mlp = "model.layers.{n}.mlp"
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.latentAttention(family.attention)
      + TensorRule.indexer() + [TensorRule.router()] + TensorRule.feedForward()
      + TensorRule.feedForward("\(mlp).shared_experts", suffix: "_shexp")
      + TensorRule.experts(family.routing.expertCount)
      + TensorRule.selectionBias("\(mlp).gate.e_score_correction_bias")
  }

  static func architecture(of family: DeepSeek) -> String? { family.indexer == nil ? "deepseek2" : "deepseek32" }

  static func describe(_ family: DeepSeek, in metadata: inout DialectMetadata) {
    let shape = family.attention
    // All heads share one key and value: the latent vector, and for keys what is rotated.
    metadata["attention.head_count_kv"] = .count(1)
    metadata["attention.key_length"] = .count(shape.row)
    metadata["attention.value_length"] = .count(shape.latentDimension)
    metadata["attention.key_length_mla"] = .count(shape.queryDimension)
    metadata["attention.value_length_mla"] = .count(shape.valueDimension)
    metadata["attention.q_lora_rank"] = .count(shape.queryRank ?? 0)
    metadata["expert_weights_norm"] = .bool(family.routing.normalized)
    metadata["expert_gating_func"] = (family.routing.scoring == .sigmoid ? ExpertScoring.sigmoid : .softmax).value
    if family.indexer != nil { metadata["nextn_predict_layers"] = .count(0) }
    metadata.rotary(family.rotary)
    if family.scoreMagnitude != 0 {
      metadata["rope.scaling.yarn_log_multiplier"] = .number(family.scoreMagnitude / 10)
    }
  }

  static func obstacle(_ family: DeepSeek) -> String? {
    // Groups count there for their two best experts.
    if family.routing.groups.count > 1 && family.routing.scoresOfGroup != 2 {
      return "groups that count for their best expert alone"
    }
    return family.attention.bias ? "biases of attention" : family.rotary.obstacle
  }
}

extension DialectField {
  /// The scorer that chooses keys; `nil` for a model without.
  static func indexer(_ shape: @escaping @Sendable (Family) -> KeyIndexer.Shape?) -> [DialectField] {
    [
      .count("attention.indexer.head_count", "index_n_heads", optional: true) { shape($0)?.heads },
      .count("attention.indexer.key_length", "index_head_dim", optional: true) { shape($0)?.dimension },
      .count("attention.indexer.top_k", "index_topk", optional: true) { shape($0)?.count },
    ]
  }
}

extension TensorRule {
  /// Latent attention under some prefix.
  static func latentAttention(
    _ shape: LatentAttention.Shape, _ prefix: String = "model.layers.{n}.self_attn", output: String = "o_proj"
  ) -> [TensorRule] {
    [
      TensorRule("blk.{n}.attn_q.{s}", as: "\(prefix).q_proj.{s}"),
      TensorRule("blk.{n}.attn_q_a.{s}", as: "\(prefix).q_a_proj.{s}"),
      TensorRule("blk.{n}.attn_q_a_norm.weight", as: "\(prefix).q_a_layernorm.weight"),
      TensorRule("blk.{n}.attn_q_b.weight", as: "\(prefix).q_b_proj.weight"),
      TensorRule("blk.{n}.attn_kv_a_mqa.{s}", as: "\(prefix).kv_a_proj_with_mqa.{s}"),
      TensorRule("blk.{n}.attn_kv_a_norm.weight", as: "\(prefix).kv_a_layernorm.weight"),
      TensorRule(
        "blk.{n}.attn_k_b.weight", "blk.{n}.attn_v_b.weight", as: "\(prefix).kv_b_proj.weight",
        .keysAndValues(heads: shape.heads, keys: shape.keyDimension)),
      TensorRule("blk.{n}.attn_kv_b.weight", as: "\(prefix).kv_b_proj.weight"),
      TensorRule("blk.{n}.attn_output.{s}", as: "\(prefix).\(output).{s}"),
    ]
  }

  /// The scorer that chooses keys.
  static func indexer(_ prefix: String = "model.layers.{n}.self_attn.indexer") -> [TensorRule] {
    [
      TensorRule("blk.{n}.indexer.attn_q_b.weight", as: "\(prefix).wq_b.weight"),
      TensorRule("blk.{n}.indexer.attn_k.weight", as: "\(prefix).wk.weight"),
      TensorRule("blk.{n}.indexer.k_norm.{s}", as: "\(prefix).k_norm.{s}"),
      TensorRule("blk.{n}.indexer.proj.weight", as: "\(prefix).weights_proj.weight"),
    ]
  }
}
