internal import InferCore
internal import InferText

/// Ling 3, whose files are read and not written: as those of Kimi Linear they have convolutions with sizes of 1.
enum BailingDialect: Dialect {
  static let architectures = ["bailingmoe3"]
  static let fields: [DialectField<BailingHybrid>] =
    DialectField.frame()
    + DialectField.experts(
      "num_experts", topK: "num_experts_per_tok", width: "moe_intermediate_size", { $0.routing }, { $0.expertWidth }
    ) + [
      .count("feed_forward_length", "intermediate_size") { $0.denseWidth },
      .count("attention.head_count", "num_attention_heads") { $0.attention.heads },
      .count("attention.kv_lora_rank", "kv_lora_rank") { $0.attention.latentDimension },
      .count("kda.head_dim", "linear_head_dim") { $0.delta.headDimension },
      .count("ssm.conv_kernel", "short_conv_kernel_size", optional: true) { $0.delta.taps },
      .number("kda.gate_lower_bound", "kda_lower_bound", optional: true) { $0.delta.lowestDecay },
      .flag("kda.safe_gate", "kda_safe_gate", optional: true) { $0.delta.lowestDecay != nil },
      .count("expert_shared_count", "num_shared_experts", optional: true) { $0.sharedExperts },
      .count("expert_group_count", "n_group", optional: true) { $0.routing.groups.count },
      .count("expert_group_used_count", "topk_group", optional: true) { $0.routing.groups.kept },
      .number("expert_weights_scale", "routed_scaling_factor", optional: true) { $0.routing.scale },
      .flag("expert_weights_norm", "norm_topk_prob", optional: true) { $0.routing.normalized },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "bailing_hybrid", from: .architecture)
    try DeepSeekDialect.latentAttention(of: &config, file)
    try file.rotary(into: &config, theta: 6_000_000)
    let layers = config["num_hidden_layers"]?.int ?? 0
    let keyHeads = try file.counts("attention.head_count_kv", layers: layers)
    config.set(
      "layer_types", .array(keyHeads.map { $0 == 0 ? "linear_attention" : "full_attention" }),
      from: "attention.head_count_kv")
    file.expertLayers(into: &config)
    for key in ["swiglu_clamp_exp", "swiglu_clamp_shexp"] {
      let limits = try file.numbers(key, layers: layers) ?? []
      guard limits.allSatisfy({ $0 == 0 }) else { throw file.wrong(key, "\(limits)", "none: bounds are not supported") }
    }
  }

  static func rules(_ family: BailingHybrid) -> [TensorRule] {
    let (mixer, mlp) = ("model.layers.{n}.attention", "model.layers.{n}.mlp")
    let convolutions = ["q", "k", "v"].map {
      TensorRule("blk.{n}.ssm_conv1d_\($0).weight", as: "\(mixer).\($0)_conv1d.weight", .convolution)
    }
    // Both kinds of layers have gates and a map back, under names of their own.
    let linear = family.isLinear.indices.filter { family.isLinear[$0] }.map {
      TensorRule("blk.\($0).attn_output.weight", as: "model.layers.\($0).attention.o_proj.weight")
    }
    return [TensorRule("token_embd.weight", as: "model.word_embeddings.weight")] + linear + TensorRule.frame()
      + TensorRule.layerNorms() + TensorRule.latentAttention(family.attention, mixer, output: "dense") + convolutions
      + [
        TensorRule("blk.{n}.attn_k.weight", as: "\(mixer).k_proj.weight"),
        TensorRule("blk.{n}.attn_v.weight", as: "\(mixer).v_proj.weight"),
        TensorRule("blk.{n}.attn_gate.weight", as: "\(mixer).g_proj.weight"),
        TensorRule("blk.{n}.ssm_g_a.weight", as: "\(mixer).g_proj.weight"),
        TensorRule("blk.{n}.ssm_f_a.weight", as: "\(mixer).f_proj.weight"),
        TensorRule("blk.{n}.ssm_beta.weight", as: "\(mixer).b_proj.weight"),
        TensorRule("blk.{n}.ssm_a", as: "\(mixer).A_log", .speeds),
        TensorRule("blk.{n}.ssm_dt.bias", as: "\(mixer).dt_bias"),
        TensorRule("blk.{n}.ssm_norm.weight", as: "\(mixer).o_norm.weight"),
        TensorRule.router(),
      ] + TensorRule.feedForward() + TensorRule.feedForward("\(mlp).shared_experts", suffix: "_shexp")
      + TensorRule.experts(family.routing.expertCount) + TensorRule.selectionBias("\(mlp).gate.expert_bias")
  }

  static func architecture(of family: BailingHybrid) -> String? { nil }

  static func describe(_ family: BailingHybrid, in metadata: inout DialectMetadata) {}
}
