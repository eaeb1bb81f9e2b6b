internal import InferCore

/// Nemotron-H and Nemotron 3: one mixer a layer.
enum NemotronDialect: Dialect {
  static let family: any ModelFamily.Type = NemotronH.self
  static let architectures = ["nemotron_h", "nemotron_h_moe"]
  static let fields: [DialectField] =
    [
      .count("embedding_length", "hidden_size"), .count("context_length", "max_position_embeddings"),
      .number("attention.layer_norm_rms_epsilon", "rms_norm_eps", optional: true),
      .number("attention.layer_norm_epsilon", "layer_norm_epsilon", optional: true),
      .count("ssm.conv_kernel", "conv_kernel"), .count("ssm.state_size", "ssm_state_size"),
      .count("ssm.time_step_rank", "mamba_num_heads"), .count("ssm.group_count", "n_groups"),
      .count("expert_count", "n_routed_experts", optional: true),
      .count("expert_used_count", "num_experts_per_tok", optional: true),
      .count("expert_feed_forward_length", "moe_intermediate_size", optional: true),
      .count("expert_shared_count", "n_shared_experts", optional: true),
      .count("expert_shared_feed_forward_length", "moe_shared_expert_intermediate_size", optional: true),
      .flag("expert_weights_norm", "norm_topk_prob", optional: true),
      .number("expert_weights_scale", "routed_scaling_factor", optional: true),
      .count("moe_latent_size", "moe_latent_size", optional: true),
    ]

  static func complete(_ config: inout JSONValue, from file: GGUFDescription) throws(ModelError) {
    config["model_type"] = "nemotron_h"
    let layers = config["num_hidden_layers"]?.int ?? 0
    try file.attention(into: &config)
    let kinds = (0..<layers).map { kind(of: "blk.\($0)", in: file) }
    config["layers_block_type"] = .array(kinds.map(JSONValue.string))
    if let layer = kinds.firstIndex(of: "mlp") {
      config["intermediate_size"] = .integer(try file.shape(of: "blk.\(layer).ffn_up.weight", dimensions: 2)[0])
    }
    config["mamba_head_dim"] = .integer(try file.mambaHeadDimension())
    config["use_conv_bias"] = .bool(file.hasInLayers("ssm_conv1d.bias"))
    config["use_bias"] = .bool(file.hasInLayers("ssm_in.bias"))
    config["mlp_bias"] = .bool(file.hasInLayers("ffn_up.bias"))
  }

  /// What a layer is shows in its tensors.
  private static func kind(of layer: String, in file: GGUFDescription) -> String {
    let names = [("ffn_gate_inp", "moe"), ("ffn_up", "mlp"), ("attn_q", "attention")]
    return names.first { file.tensors["\(layer).\($0.0).weight"] != nil }?.1 ?? "mamba"
  }

  static func rules(_ config: ConfigReader) throws(ModelError) -> [TensorRule] {
    let mixer = "backbone.layers.{n}.mixer"
    let heads = try config.size("mamba_num_heads", "mamba_n_heads")
    let inner = heads * (try config.size("mamba_head_dim", "mamba_d_head"))
    return [
      TensorRule("token_embd.weight", as: "backbone.embeddings.weight"),
      TensorRule("output_norm.weight", as: "backbone.norm_f.weight"), TensorRule("output.weight", as: "lm_head.weight"),
      TensorRule("blk.{n}.attn_norm.weight", as: "backbone.layers.{n}.norm.weight"),
      TensorRule("blk.{n}.ffn_up.{s}", as: "\(mixer).up_proj.{s}"),
      TensorRule("blk.{n}.ffn_down.{s}", as: "\(mixer).down_proj.{s}"),
      TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(mixer).gate.weight"),
      TensorRule("blk.{n}.ffn_up_shexp.{s}", as: "\(mixer).shared_experts.up_proj.{s}"),
      TensorRule("blk.{n}.ffn_down_shexp.{s}", as: "\(mixer).shared_experts.down_proj.{s}"),
      TensorRule("blk.{n}.ffn_latent_down.{s}", as: "\(mixer).fc1_latent_proj.{s}"),
      TensorRule("blk.{n}.ffn_latent_up.{s}", as: "\(mixer).fc2_latent_proj.{s}"),
    ] + TensorRule.attention(mixer) + TensorRule.selectionBias("\(mixer).gate.e_score_correction_bias")
      + TensorRule.experts(
        try config.count("n_routed_experts", "num_local_experts", default: 0), "\(mixer).experts",
        names: ["up", "down"])
      + TensorRule.mamba2(
        mixer, heads: heads, groups: try config.size("n_groups", "mamba_n_groups"), inner: inner)
  }
}
