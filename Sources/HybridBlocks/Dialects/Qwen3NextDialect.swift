internal import InferCore
internal import InferText

/// Qwen3-Next and Qwen3.5: Gated DeltaNet, and gated attention at every so many layers, then experts beside a gated shared
/// one, or a dense network.
enum Qwen3NextDialect: Dialect {
  static let architectures = ["qwen3next", "qwen35", "qwen35moe"]
  static let fields: [DialectField<Qwen3Next>] =
    DialectField.frame() + [
      .count("ssm.conv_kernel", "linear_conv_kernel_dim") { $0.delta.taps },
      .count("ssm.state_size", "linear_key_head_dim") { $0.delta.keyDimension },
      .count("ssm.group_count", "linear_num_key_heads") { $0.delta.keyHeads },
      .count("ssm.time_step_rank", "linear_num_value_heads") { $0.delta.heads },
      .count("feed_forward_length", "intermediate_size", optional: true) { $0.expertWidth },
      .count("expert_count", "num_experts", optional: true) { $0.selection?.expertCount },
      .count("expert_used_count", "num_experts_per_tok", optional: true) { $0.selection?.topK },
      .count("expert_feed_forward_length", "moe_intermediate_size", optional: true) { $0.expertWidth },
      .count("expert_shared_feed_forward_length", "shared_expert_intermediate_size", optional: true) { $0.sharedWidth },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    let names: JSONObject = ["qwen35": "qwen3_5", "qwen35moe": "qwen3_5_moe"]
    config.set("model_type", names[file.architecture] ?? "qwen3_next", from: .architecture)
    // All that belongs to value heads is in another order in the files of Qwen3.5.
    if names[file.architecture] != nil { config.set("linear_value_heads_tiled", true, from: .architecture) }
    // llama.cpp always divides the weights of the chosen experts by their sum.
    if config["num_experts"] != nil { config.set("norm_topk_prob", true, from: .architecture) }
    config.set("linear_value_head_dim", .integer(try file.mambaHeadDimension()), from: "ssm.inner_size")
    let layers = config["num_hidden_layers"]?.int ?? 0
    let interval = try file.count("full_attention_interval", default: 4)
    guard interval > 0 else { throw file.wrong("full_attention_interval", "0", "a count above 0") }
    let isRecurrent =
      try file.flags("attention.recurrent_layers", layers: layers) ?? (1...layers).map { $0 % interval != 0 }
    config.set(
      "layer_types", .array(isRecurrent.map { $0 ? "linear_attention" : "full_attention" }),
      from: "attention.recurrent_layers")
    try file.attention(into: &config)
    try file.rotary(into: &config)
  }

  static func rules(_ family: Qwen3Next) -> [TensorRule] {
    let model = family.path.joined(separator: ".")
    let layer = "\(model).layers.{n}"
    let (delta, heads, mlp) = ("\(layer).linear_attn", "\(layer).self_attn", "\(layer).mlp")
    let rule = family.delta.rule
    let values = rule.valueWidth / rule.keyHeads
    let experts = family.selection?.expertCount ?? 0
    return [
      TensorRule("token_embd.weight", as: "\(model).embed_tokens.weight"),
      TensorRule("output.weight", as: "lm_head.weight"),
      TensorRule("output_norm.weight", as: "\(model).norm.weight", .incremented),
      TensorRule("blk.{n}.attn_norm.weight", as: "\(layer).input_layernorm.weight", .incremented),
      TensorRule("blk.{n}.post_attention_norm.weight", as: "\(layer).post_attention_layernorm.weight", .incremented),
      TensorRule("blk.{n}.attn_q_norm.weight", as: "\(heads).q_norm.weight", .incremented),
      TensorRule("blk.{n}.attn_k_norm.weight", as: "\(heads).k_norm.weight", .incremented),
      TensorRule(
        "blk.{n}.attn_qkv.weight", "blk.{n}.attn_gate.weight", as: "\(delta).in_proj_qkvz.weight",
        .queryToGate(heads: rule.keyHeads, keys: rule.keyDimension, values: values)),
      TensorRule("blk.{n}.ssm_beta.weight", as: "\(delta).in_proj_b.weight"),
      TensorRule("blk.{n}.ssm_alpha.weight", as: "\(delta).in_proj_a.weight"),
      // Files of the first converter.
      TensorRule("blk.{n}.ssm_in.weight", as: "\(delta).in_proj_qkvz.weight"),
      TensorRule("blk.{n}.ssm_ba.weight", as: "\(delta).in_proj_ba.weight"),
      TensorRule("blk.{n}.ssm_conv1d.weight", as: "\(delta).conv1d.weight", .convolution),
      TensorRule("blk.{n}.ssm_dt.bias", as: "\(delta).dt_bias"),
      TensorRule("blk.{n}.ssm_a", as: "\(delta).A_log", .rates(isColumn: false)),
      TensorRule("blk.{n}.ssm_norm.weight", as: "\(delta).norm.weight"),
      TensorRule("blk.{n}.ssm_out.weight", as: "\(delta).out_proj.weight"),
      TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(mlp).gate.weight"),
      TensorRule("blk.{n}.ffn_gate_inp_shexp.weight", as: "\(mlp).shared_expert_gate.weight", .row),
    ] + TensorRule.attention(heads) + TensorRule.feedForward(mlp) + TensorRule.experts(experts, "\(mlp).experts") + [
      TensorRule(
        "blk.{n}.ffn_gate_exps.weight", "blk.{n}.ffn_up_exps.weight", as: "\(mlp).experts.gate_up_proj",
        .gateAndUp(experts: experts)),
      TensorRule("blk.{n}.ffn_gate_up_exps.weight", as: "\(mlp).experts.gate_up_proj"),
      TensorRule("blk.{n}.ffn_down_exps.weight", as: "\(mlp).experts.down_proj"),
    ] + TensorRule.feedForward("\(mlp).shared_expert", suffix: "_shexp")
  }

  /// Qwen3.5 is read only: its files have value heads in another order than checkpoints, which takes columns apart.
  static func architecture(of family: Qwen3Next) -> String? {
    family.path == ["model"] && family.selection != nil ? "qwen3next" : nil
  }

  static func describe(_ family: Qwen3Next, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention)
    metadata.rotary(family.rotary)
    metadata["ssm.inner_size"] = .count(family.delta.rule.valueWidth)
    metadata["attention.recurrent_layers"] = .array(family.isLinear.map(GGUFValue.bool))
    metadata["full_attention_interval"] = .count(4)
  }

  static func obstacle(_ family: Qwen3Next) -> String? {
    let rule = family.delta.rule
    return rule.keyDimension == rule.valueDimension
      ? family.rotary.obstacle : "value heads of another width than key heads"
  }
}
