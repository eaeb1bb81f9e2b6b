internal import InferCore

/// Qwen3-Next: Gated DeltaNet, and gated attention at every so many layers, then experts beside a gated shared one.
enum Qwen3NextDialect: Dialect {
  static let family: any ModelFamily.Type = Qwen3Next.self
  static let architectures = ["qwen3next"]
  static let fields =
    DialectField.frame() + [
      .count("ssm.conv_kernel", "linear_conv_kernel_dim"), .count("ssm.state_size", "linear_key_head_dim"),
      .count("ssm.group_count", "linear_num_key_heads"), .count("ssm.time_step_rank", "linear_num_value_heads"),
      .count("expert_count", "num_experts"), .count("expert_used_count", "num_experts_per_tok"),
      .count("expert_feed_forward_length", "moe_intermediate_size"),
      .count("expert_shared_feed_forward_length", "shared_expert_intermediate_size"),
    ]

  static func complete(_ config: inout JSONValue, from file: GGUFDescription) throws(ModelError) {
    config["model_type"] = "qwen3_next"
    // llama.cpp always divides the weights of the chosen experts by their sum.
    config["norm_topk_prob"] = true
    config["linear_value_head_dim"] = .integer(try file.mambaHeadDimension())
    let layers = config["num_hidden_layers"]?.int ?? 0
    let interval = try file.count("full_attention_interval", default: 4)
    guard interval > 0 else { throw file.wrong("full_attention_interval", "0", "a count above 0") }
    let isRecurrent =
      try file.flags("attention.recurrent_layers", layers: layers) ?? (1...layers).map { $0 % interval != 0 }
    config["layer_types"] = .array(isRecurrent.map { $0 ? "linear_attention" : "full_attention" })
    try file.attention(into: &config)
    try file.rotary(into: &config)
  }

  static func rules(_ config: ConfigReader) throws(ModelError) -> [TensorRule] {
    let layer = "model.layers.{n}"
    let (delta, heads, mlp) = ("\(layer).linear_attn", "\(layer).self_attn", "\(layer).mlp")
    return [
      TensorRule("token_embd.weight", as: "model.embed_tokens.weight"),
      TensorRule("output.weight", as: "lm_head.weight"),
      TensorRule("output_norm.weight", as: "model.norm.weight", .decremented),
      TensorRule("blk.{n}.attn_norm.weight", as: "\(layer).input_layernorm.weight", .decremented),
      TensorRule("blk.{n}.post_attention_norm.weight", as: "\(layer).post_attention_layernorm.weight", .decremented),
      TensorRule("blk.{n}.attn_q_norm.weight", as: "\(heads).q_norm.weight", .decremented),
      TensorRule("blk.{n}.attn_k_norm.weight", as: "\(heads).k_norm.weight", .decremented),
      TensorRule("blk.{n}.attn_qkv.weight", as: "\(delta).in_proj_qkv.weight"),
      TensorRule("blk.{n}.attn_gate.weight", as: "\(delta).in_proj_z.weight"),
      // Files of the first converter.
      TensorRule("blk.{n}.ssm_in.weight", as: "\(delta).in_proj_qkvz.weight"),
      TensorRule("blk.{n}.ssm_ba.weight", as: "\(delta).in_proj_ba.weight"),
      TensorRule("blk.{n}.ssm_conv1d.weight", as: "\(delta).conv1d.weight", .convolution),
      TensorRule("blk.{n}.ssm_dt.bias", as: "\(delta).dt_bias"),
      TensorRule("blk.{n}.ssm_a", as: "\(delta).A_log", .logarithm(isColumn: false)),
      TensorRule("blk.{n}.ssm_norm.weight", as: "\(delta).norm.weight"),
      TensorRule("blk.{n}.ssm_out.weight", as: "\(delta).out_proj.weight"),
      TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(mlp).gate.weight"),
      TensorRule("blk.{n}.ffn_gate_inp_shexp.weight", as: "\(mlp).shared_expert_gate.weight", .row),
    ] + TensorRule.attention() + TensorRule.experts(try config.size("num_experts", "num_local_experts"))
      + TensorRule.feedForward("\(mlp).shared_expert", suffix: "_shexp")
  }
}
