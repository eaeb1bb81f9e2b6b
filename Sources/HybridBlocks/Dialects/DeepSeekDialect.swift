internal import InferCore
internal import InferText

/// DeepSeek-V2 and V3 and those built like them, with latent attention: one name for both, which differ in how experts are
/// chosen.
enum DeepSeekDialect: Dialect {
  static let architectures = ["deepseek2"]
  static let fields: [DialectField<DeepSeek>] =
    DialectField.frame() + [
      .count("feed_forward_length", "intermediate_size") { $0.denseWidth },
      .count("attention.head_count", "num_attention_heads") { $0.attention.heads },
      .count("attention.kv_lora_rank", "kv_lora_rank") { $0.attention.latent },
      .count("leading_dense_block_count", "first_k_dense_replace", optional: true) { $0.denseLayers },
      .count("expert_count", "n_routed_experts") { $0.routing.expertCount },
      .count("expert_used_count", "num_experts_per_tok") { $0.routing.topK },
      .count("expert_feed_forward_length", "moe_intermediate_size") { $0.expertWidth },
      .count("expert_shared_count", "n_shared_experts", optional: true) { $0.sharedExperts },
      .count("expert_group_count", "n_group", optional: true) { $0.routing.groups.count },
      .count("expert_group_used_count", "topk_group", optional: true) { $0.routing.groups.kept },
      .number("expert_weights_scale", "routed_scaling_factor", optional: true) { $0.routing.scale },
    ]

  static func complete(_ config: inout JSONValue, from file: GGUFDescription) throws(ModelError) {
    try routing(of: &config, file)
    if file.hasInLayers("attn_q_a.weight") {
      config["q_lora_rank"] = .integer(try file.count("attention.q_lora_rank"))
    }
    // Lengths of keys and values are those of the shared latent where it is not expanded.
    let query = try file.count("attention.key_length_mla", default: try file.count("attention.key_length"))
    let shared = try file.count("rope.dimension_count")
    guard query > shared else { throw file.wrong("attention.key_length_mla", "\(query)", "more than \(shared)") }
    config["qk_rope_head_dim"] = .integer(shared)
    config["qk_nope_head_dim"] = .integer(query - shared)
    config["v_head_dim"] = .integer(
      try file.count("attention.value_length_mla", default: try file.count("attention.value_length")))
    try file.rotary(into: &config)
    config["rope_parameters"]?["partial_rotary_factor"] = nil
    if file.has("rope.scaling.yarn_log_multiplier") {
      let magnitude = JSONValue.number(try file.number("rope.scaling.yarn_log_multiplier") * 10)
      config["rope_parameters"]?["mscale"] = magnitude
      config["rope_parameters"]?["mscale_all_dim"] = magnitude
    }
  }

  private static func routing(of config: inout JSONValue, _ file: GGUFDescription) throws(ModelError) {
    // Only models that choose by sigmoid scores have a bias for the choice.
    let usual = file.hasSelectionBias ? ExpertGating.sigmoid : .softmax
    let gating = try file.count("expert_gating_func", default: usual.rawValue)
    config["norm_topk_prob"] = .bool(try file.flag("expert_weights_norm", default: false))
    switch ExpertGating(rawValue: gating) {
    case .sigmoid:
      config["model_type"] = "deepseek_v3"
      return
    case .softmax: config["model_type"] = "deepseek_v2"
    case nil: throw file.wrong("expert_gating_func", "\(gating)", "1 or 2, for softmax or sigmoid")
    }
    let groups = try file.count("expert_group_count", default: 1)
    config["topk_method"] = groups > 1 ? "group_limited_greedy" : "greedy"
  }

  static func rules(_ family: DeepSeek) -> [TensorRule] {
    let (layer, mlp) = ("model.layers.{n}.self_attn", "model.layers.{n}.mlp")
    let shape = family.attention
    return TensorRule.frame() + TensorRule.layerNorms() + [
      TensorRule("blk.{n}.attn_q.{s}", as: "\(layer).q_proj.{s}"),
      TensorRule("blk.{n}.attn_q_a.{s}", as: "\(layer).q_a_proj.{s}"),
      TensorRule("blk.{n}.attn_q_a_norm.weight", as: "\(layer).q_a_layernorm.weight"),
      TensorRule("blk.{n}.attn_q_b.weight", as: "\(layer).q_b_proj.weight"),
      TensorRule("blk.{n}.attn_kv_a_mqa.{s}", as: "\(layer).kv_a_proj_with_mqa.{s}"),
      TensorRule("blk.{n}.attn_kv_a_norm.weight", as: "\(layer).kv_a_layernorm.weight"),
      TensorRule(
        "blk.{n}.attn_k_b.weight", "blk.{n}.attn_v_b.weight", as: "\(layer).kv_b_proj.weight",
        .keysAndValues(heads: shape.heads, keys: shape.plain)),
      TensorRule("blk.{n}.attn_kv_b.weight", as: "\(layer).kv_b_proj.weight"),
      TensorRule("blk.{n}.attn_output.{s}", as: "\(layer).o_proj.{s}"),
      TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(mlp).gate.weight"),
    ] + TensorRule.feedForward() + TensorRule.feedForward("\(mlp).shared_experts", suffix: "_shexp")
      + TensorRule.experts(family.routing.expertCount)
      + TensorRule.selectionBias("\(mlp).gate.e_score_correction_bias")
  }

  static func describe(_ family: DeepSeek, in metadata: inout DialectMetadata) {
    let shape = family.attention
    // All heads share one key and value: the latent vector, and for keys what is rotated.
    metadata["attention.head_count_kv"] = .count(1)
    metadata["attention.key_length"] = .count(shape.row)
    metadata["attention.value_length"] = .count(shape.latent)
    metadata["attention.key_length_mla"] = .count(shape.query)
    metadata["attention.value_length_mla"] = .count(shape.value)
    metadata["attention.q_lora_rank"] = .count(shape.queryRank ?? 0)
    metadata["expert_weights_norm"] = .bool(family.routing.normalized)
    metadata["expert_gating_func"] = (family.routing.scoring == .sigmoid ? ExpertGating.sigmoid : .softmax).value
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
