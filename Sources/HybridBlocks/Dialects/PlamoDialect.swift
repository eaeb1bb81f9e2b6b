internal import InferCore
internal import InferText

/// PLaMo 2, whose files say nothing of windows. They are only read.
enum PlamoDialect: Dialect {
  static let architectures = ["plamo2"]
  static let fields: [DialectField<Plamo2>] =
    DialectField.frame() + [
      .count("feed_forward_length", "intermediate_size") { $0.hidden },
      .count("ssm.conv_kernel", "mamba_d_conv") { $0.mamba.taps },
      .count("ssm.state_size", "mamba_d_state") { $0.mamba.stateSize },
      .count("ssm.time_step_rank", "mamba_num_heads") { $0.mamba.heads },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "plamo2", from: .architecture)
    let keyHeads = try file.attention(into: &config)
    config.set(
      "layer_types", .array(keyHeads.map { $0 == 0 ? "mamba" : "attention" }), from: "attention.head_count_kv")
    config.set("attention_window_size", .null, from: .architecture)
    let (channels, width) = (try file.mambaHeadDimension(), config["head_dim"]?.int ?? 0)
    guard channels == width else {
      throw file.wrong("ssm.inner_size", "that of heads of \(channels)", "heads of \(width) as attention.key_length")
    }
    try file.rotary(into: &config)
  }

  static func rules(_ family: Plamo2) -> [TensorRule] {
    let layer = "model.layers.layers.{n}"
    let mixer = "\(layer).mixer"
    let matrices = [
      ("ssm_in", "in_proj"), ("ssm_x", "bcdt_proj"), ("ssm_dt", "dt_proj"), ("ssm_out", "out_proj"),
    ].map { TensorRule("blk.{n}.\($0).weight", as: "\(mixer).\($1).weight") }
    let vectors = [
      ("attn_q_norm.weight", "q_weight"), ("attn_k_norm.weight", "k_weight"), ("ssm_dt_norm", "dt_norm_weight"),
      ("ssm_b_norm", "B_norm_weight"), ("ssm_c_norm", "C_norm_weight"), ("ssm_dt.bias", "dt_bias"), ("ssm_d", "D"),
    ].map { TensorRule("blk.{n}.\($0)", as: "\(mixer).\($1)") }
    let norms = [
      ("blk.{n}.attn_norm.weight", "\(layer).pre_mixer_norm"),
      ("blk.{n}.post_attention_norm", "\(layer).post_mixer_norm"),
      ("blk.{n}.ffn_norm.weight", "\(layer).pre_mlp_norm"), ("blk.{n}.post_ffw_norm", "\(layer).post_mlp_norm"),
      ("output_norm.weight", "model.norm"),
    ].map { TensorRule($0, as: "\($1).weight", .incremented) }
    return norms + TensorRule.frame() + TensorRule.attention(mixer) + matrices + vectors + [
      TensorRule("blk.{n}.ssm_a", as: "\(mixer).A_log", .rates(isColumn: false)),
      TensorRule("blk.{n}.ssm_conv1d.weight", as: "\(mixer).conv1d.weight", .convolution),
      TensorRule("blk.{n}.ffn_up.weight", as: "\(layer).mlp.gate_up_proj.weight"),
      TensorRule("blk.{n}.ffn_down.weight", as: "\(layer).mlp.down_proj.weight"),
    ]
  }

  static func architecture(of family: Plamo2) -> String? { nil }

  static func describe(_ family: Plamo2, in metadata: inout DialectMetadata) {}
}
