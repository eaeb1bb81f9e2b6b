internal import InferCore
internal import InferText

/// Nemotron-H and Nemotron 3: one mixer a layer.
enum NemotronDialect: Dialect {
  static let architectures = ["nemotron_h", "nemotron_h_moe"]
  static let fields: [DialectField<NemotronH>] =
    [
      .count("embedding_length", "hidden_size") { $0.frame.width },
      .count("context_length", "max_position_embeddings") { $0.frame.contextLength },
      .number("attention.layer_norm_rms_epsilon", "rms_norm_eps", optional: true) { _ in nil },
      .number("attention.layer_norm_epsilon", "layer_norm_epsilon", optional: true) { $0.frame.epsilon },
      .count("ssm.conv_kernel", "conv_kernel") { $0.mamba.taps },
      .count("ssm.state_size", "ssm_state_size") { $0.mamba.stateSize },
      .count("ssm.time_step_rank", "mamba_num_heads") { $0.mamba.heads },
      .count("ssm.group_count", "n_groups") { $0.mamba.groups },
      .count("expert_count", "n_routed_experts", optional: true) { $0.selection?.expertCount },
      .count("expert_used_count", "num_experts_per_tok", optional: true) { $0.selection?.topK },
      .count("expert_group_count", "n_group", optional: true) { $0.selection?.groups.count },
      .count("expert_group_used_count", "topk_group", optional: true) { $0.selection?.groups.kept },
      .count("expert_feed_forward_length", "moe_intermediate_size", optional: true) {
        $0.selection == nil ? nil : $0.expertWidth
      },
      .count("expert_shared_count", "n_shared_experts", optional: true) {
        $0.selection == nil ? nil : $0.sharedWidth > 0 ? 1 : 0
      },
      .count("expert_shared_feed_forward_length", "moe_shared_expert_intermediate_size", optional: true) {
        $0.selection == nil ? nil : $0.sharedWidth
      },
      .flag("expert_weights_norm", "norm_topk_prob", optional: true) { $0.selection?.normalized },
      .number("expert_weights_scale", "routed_scaling_factor", optional: true) { $0.selection?.scale },
      .count("moe_latent_size", "moe_latent_size", optional: true) { $0.latentWidth },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "nemotron_h", from: .architecture)
    let layers = config["num_hidden_layers"]?.int ?? 0
    try file.attention(into: &config)
    let kinds = (0..<layers).map { kind(of: "blk.\($0)", in: file) }
    config.set("layers_block_type", .array(kinds.map(JSONValue.string)), from: "block_count")
    if let layer = kinds.firstIndex(of: "mlp") {
      let name = "blk.\(layer).ffn_up.weight"
      config.set("intermediate_size", .integer(try file.shape(of: name, dimensions: 2)[0]), from: .tensor(name))
    }
    config.set("mamba_head_dim", .integer(try file.mambaHeadDimension()), from: "ssm.inner_size")
    file.flag("use_conv_bias", hasInLayers: "ssm_conv1d.bias", into: &config)
    file.flag("use_bias", hasInLayers: "ssm_in.bias", into: &config)
    file.flag("mlp_bias", hasInLayers: "ffn_up.bias", into: &config)
  }

  /// The mixer of a layer, by its tensors.
  private static func kind(of layer: String, in file: GGUFDescription) -> String {
    let names = [("ffn_gate_inp", "moe"), ("ffn_up", "mlp"), ("attn_q", "attention")]
    return names.first { file.tensors["\(layer).\($0.0).weight"] != nil }?.1 ?? "mamba"
  }

  static func rules(_ family: NemotronH) -> [TensorRule] {
    let mixer = "backbone.layers.{n}.mixer"
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
      + TensorRule.experts(family.selection?.expertCount ?? 0, "\(mixer).experts", names: ["up", "down"])
      + TensorRule.mamba2(mixer, family.mamba)
  }

  static func architecture(of family: NemotronH) -> String? {
    family.selection == nil ? "nemotron_h" : "nemotron_h_moe"
  }

  static func describe(_ family: NemotronH, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention, in: family.kinds.map { $0 == .attention })
    metadata["feed_forward_length"] = .counts(
      family.kinds.map { $0 == .experts ? family.expertWidth : $0 == .feedForward ? family.denseWidth : 0 })
    metadata["ssm.inner_size"] = .count(family.mamba.inner)
    metadata["rope.dimension_count"] = .count(family.attention.headDimension)
    metadata["rope.scaling.finetuned"] = .bool(false)
  }

  static func obstacle(_ family: NemotronH) -> String? {
    if family.kinds.contains(.experts) && (family.kinds.contains(.feedForward) || family.sharedWidth == 0) {
      return "experts but in all feed-forward layers, and beside a shared one"
    }
    if family.feedForwardBias && family.selection != nil { return "biases of experts" }
    return family.mamba.biasObstacle
  }
}
