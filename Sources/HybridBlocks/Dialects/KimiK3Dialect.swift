internal import InferCore
internal import InferText

/// Kimi K3's text model, whose files are read and not written, as those of Kimi Linear.
enum KimiK3Dialect: Dialect {
  static let architectures = ["kimi-k3"]
  static let fields: [DialectField<KimiK3>] =
    DialectField.frame()
    + DialectField.experts(
      "num_experts", topK: "num_experts_per_token", width: "moe_intermediate_size", { $0.routing }, { $0.expertWidth }
    ) + [
      .count("feed_forward_length", "intermediate_size", optional: true) { $0.denseWidth },
      .count("attention.head_count", "num_attention_heads") { $0.attention.heads },
      .count("attention.kv_lora_rank", "kv_lora_rank") { $0.attention.latentDimension },
      .count("kda.head_dim", "linear_head_dim") { $0.delta.headDimension },
      .number("kda.gate_lower_bound", "gate_lower_bound", optional: true) { $0.delta.lowestDecay },
      .count("ssm.conv_kernel", "linear_conv_kernel_dim") { $0.delta.taps },
      .count("attn_res.block_size", "attn_res_block_size") { $0.groupSize },
      .number("activation.situ_beta", "activation_situ_beta") { $0.activation.bounds?.gate },
      .number("activation.situ_linear_beta", "activation_situ_linear_beta") { $0.activation.bounds?.up },
      .count("leading_dense_block_count", "first_k_dense_replace", optional: true) {
        $0.isDense.firstIndex(of: false) ?? $0.isDense.count
      },
      .count("expert_latent_length", "routed_expert_hidden_size", optional: true) { $0.latentWidth },
      .count("expert_shared_count", "num_shared_experts", optional: true) { $0.sharedExperts },
      .number("expert_weights_scale", "routed_scaling_factor", optional: true) { $0.routing.scale },
      .flag("expert_weights_norm", "moe_renormalize", optional: true) { $0.routing.normalized },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "kimi_k3", from: .architecture)
    let scoring = try file.count("expert_gating_func", default: ExpertScoring.sigmoid.rawValue)
    guard ExpertScoring(rawValue: scoring) == .sigmoid else {
      throw file.wrong("expert_gating_func", "\(scoring)", "2, for sigmoid")
    }
    try DeepSeekDialect.latentAttention(of: &config, file)
    let heads = try file.count("attention.head_count")
    config.set("linear_num_heads", .integer(heads), from: "attention.head_count", isComputed: false)
    let keyHeads = try file.counts("attention.head_count_kv", layers: config["num_hidden_layers"]?.int ?? 0)
    config.set(
      "layer_types", .array(keyHeads.map { $0 == 0 ? "linear_attention" : "full_attention" }),
      from: "attention.head_count_kv")
  }

  static func rules(_ family: KimiK3) -> [TensorRule] {
    let layer = "model.layers.{n}"
    let (mixer, moe) = ("\(layer).self_attn", "\(layer).block_sparse_moe")
    let own = [
      ("attn_k.weight", "k_proj.weight"), ("attn_v.weight", "v_proj.weight"), ("ssm_f_a.weight", "f_a_proj.weight"),
      ("ssm_f_b.weight", "f_b_proj.weight"), ("ssm_beta.weight", "b_proj.weight"), ("ssm_g.weight", "g_proj.weight"),
      ("ssm_dt.bias", "dt_bias"), ("ssm_norm.weight", "o_norm.weight"), ("attn_gate.weight", "g_proj.weight"),
    ].map { TensorRule("blk.{n}.\($0)", as: "\(mixer).\($1)") }
    let convolutions = ["q", "k", "v"].map {
      TensorRule("blk.{n}.ssm_conv1d_\($0).weight", as: "\(mixer).\($0)_conv1d.weight", .convolution)
    }
    let numbered = [("gate", "w1"), ("down", "w2"), ("up", "w3")].map { part, name in
      TensorRule(
        "blk.{n}.ffn_\(part)_exps.weight", as: "\(moe).experts.{e}.\(name).weight", .experts(family.routing.expertCount)
      )
    }
    let routed = [("down", "down_proj"), ("norm", "norm"), ("up", "up_proj")].map { part, name in
      TensorRule("blk.{n}.ffn_routed_\(part).weight", as: "\(moe).routed_expert_\(name).weight")
    }
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.latentAttention(family.attention) + own
      + convolutions + numbered + routed + [
        TensorRule("blk.{n}.ssm_a", as: "\(mixer).A_log", .rates(isColumn: false)),
        TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(moe).gate.weight"),
        TensorRule("blk.{n}.attn_res_score.weight", as: "\(layer).self_attention_res_score.weight"),
        TensorRule("blk.{n}.ffn_res_score.weight", as: "\(layer).mlp_res_score.weight"),
        TensorRule("output_res_score.weight", as: "model.output_attn_res_score.weight"),
      ] + TensorRule.feedForward() + TensorRule.feedForward("\(moe).shared_experts", suffix: "_shexp")
      + TensorRule.selectionBias("\(moe).gate.e_score_correction_bias")
  }

  static func architecture(of family: KimiK3) -> String? { nil }

  static func describe(_ family: KimiK3, in metadata: inout DialectMetadata) {}
}

extension Experts.Activation {
  /// The bounds of gates and of what they are multiplied with; `nil` for a function without.
  fileprivate var bounds: (gate: Float, up: Float)? {
    if case .softCappedSiluGated(let gate, let up) = self { (gate, up) } else { nil }
  }
}
