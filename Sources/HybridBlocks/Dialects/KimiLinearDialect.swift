internal import InferCore
internal import InferText

/// Kimi Linear: Kimi Delta Attention, and latent attention where a layer has heads for keys and values; then experts beside
/// a shared one, but for the first layers.
enum KimiLinearDialect: Dialect {
  static let architectures = ["kimi-linear"]
  static let fields: [DialectField<KimiLinear>] =
    DialectField.frame() + [
      .count("feed_forward_length", "intermediate_size") { $0.denseWidth },
      .count("attention.head_count", "num_attention_heads") { $0.attention.heads },
      .count("attention.kv_lora_rank", "kv_lora_rank") { $0.attention.latentDimension },
      .count("attention.q_lora_rank", "q_lora_rank", optional: true) { $0.attention.queryRank },
      .count("attention.value_length_mla", "v_head_dim") { $0.attention.valueDimension },
      .count("rope.dimension_count", "qk_rope_head_dim") { $0.attention.sharedKeyDimension },
      .count("kda.head_dim", "linear_head_dim") { $0.delta.headDimension },
      .count("ssm.conv_kernel", "linear_conv_kernel_dim", optional: true) { $0.delta.taps },
      .count("leading_dense_block_count", "first_k_dense_replace", optional: true) {
        $0.isDense.firstIndex(of: false) ?? $0.isDense.count
      },
      .count("expert_count", "num_experts") { $0.routing.expertCount },
      .count("expert_used_count", "num_experts_per_token") { $0.routing.topK },
      .count("expert_feed_forward_length", "moe_intermediate_size") { $0.expertWidth },
      .count("expert_shared_count", "num_shared_experts", optional: true) { $0.sharedExperts },
      .count("expert_group_count", "num_expert_group", optional: true) { $0.routing.groups.count },
      .count("expert_group_used_count", "topk_group", optional: true) { $0.routing.groups.kept },
      .number("expert_weights_scale", "routed_scaling_factor", optional: true) { $0.routing.scale },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "kimi_linear", from: .architecture)
    let scoring = try file.count("expert_gating_func", default: ExpertScoring.sigmoid.rawValue)
    guard ExpertScoring(rawValue: scoring) == .sigmoid else {
      throw file.wrong("expert_gating_func", "\(scoring)", "2, for sigmoid")
    }
    // llama.cpp always divides the weights of the chosen experts by their sum.
    config.set("moe_renormalize", true, from: .architecture)
    let heads = try file.count("attention.head_count")
    config.set("linear_num_heads", .integer(heads), from: "attention.head_count", isComputed: false)
    let layers = config["num_hidden_layers"]?.int ?? 0
    let keyHeads = try file.counts("attention.head_count_kv", layers: layers)
    config.set(
      "layer_types", .array(keyHeads.map { $0 == 0 ? "linear_attention" : "full_attention" }),
      from: "attention.head_count_kv")
    let (query, shared) = (try file.count("attention.key_length_mla"), try file.count("rope.dimension_count"))
    guard query > shared else { throw file.wrong("attention.key_length_mla", "\(query)", "more than \(shared)") }
    config.set("qk_nope_head_dim", .integer(query - shared), from: "attention.key_length_mla")
  }

  static func rules(_ family: KimiLinear) -> [TensorRule] {
    let layer = "model.layers.{n}"
    let (mixer, moe) = ("\(layer).self_attn", "\(layer).block_sparse_moe")
    let inner = ["f_a", "f_b", "g_a", "g_b"].map {
      TensorRule("blk.{n}.ssm_\($0).weight", as: "\(mixer).\($0)_proj.weight")
    }
    let convolutions = ["q", "k", "v"].map {
      TensorRule("blk.{n}.ssm_conv1d_\($0).weight", as: "\(mixer).\($0)_conv1d.weight", .convolution)
    }
    let numbered = ["gate": "w1", "down": "w2", "up": "w3"].sorted { $0.key < $1.key }.map { part, name in
      TensorRule(
        "blk.{n}.ffn_\(part)_exps.weight", as: "\(moe).experts.{e}.\(name).weight", .experts(family.routing.expertCount)
      )
    }
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention() + inner + convolutions + numbered + [
      TensorRule("blk.{n}.ssm_beta.weight", as: "\(mixer).b_proj.weight"),
      TensorRule("blk.{n}.ssm_a", as: "\(mixer).A_log", .rates(isColumn: true)),
      TensorRule("blk.{n}.ssm_dt.bias", as: "\(mixer).dt_bias"),
      TensorRule("blk.{n}.ssm_norm.weight", as: "\(mixer).o_norm.weight"),
      TensorRule("blk.{n}.attn_q_a.weight", as: "\(mixer).q_a_proj.weight"),
      TensorRule("blk.{n}.attn_q_a_norm.weight", as: "\(mixer).q_a_layernorm.weight"),
      TensorRule("blk.{n}.attn_q_b.weight", as: "\(mixer).q_b_proj.weight"),
      TensorRule("blk.{n}.attn_kv_a_mqa.weight", as: "\(mixer).kv_a_proj_with_mqa.weight"),
      TensorRule("blk.{n}.attn_kv_a_norm.weight", as: "\(mixer).kv_a_layernorm.weight"),
      TensorRule(
        "blk.{n}.attn_k_b.weight", "blk.{n}.attn_v_b.weight", as: "\(mixer).kv_b_proj.weight",
        .keysAndValues(heads: family.attention.heads, keys: family.attention.keyDimension)),
      TensorRule("blk.{n}.attn_kv_b.weight", as: "\(mixer).kv_b_proj.weight"),
      TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(moe).gate.weight"),
    ] + TensorRule.feedForward() + TensorRule.feedForward("\(moe).shared_experts", suffix: "_shexp")
      + TensorRule.selectionBias("\(moe).gate.e_score_correction_bias")
  }

  /// Files are read only. The files that llama.cpp loads have sizes of 1 that no other architecture's convolutions have.
  static func architecture(of family: KimiLinear) -> String? { nil }

  /// Never asked for, as no files are written.
  static func describe(_ family: KimiLinear, in metadata: inout DialectMetadata) {}
}
