internal import InferCore
internal import InferText

/// Hunyuan 4, whose files are read and not written.
enum HyV4Dialect: Dialect {
  static let architectures = ["hy_v4"]
  static let fields: [DialectField<HyV4>] =
    DialectField.frame()
    + DialectField.experts(
      "n_routed_experts", topK: "num_experts_per_tok", width: "moe_intermediate_size", { $0.routing },
      { $0.expertWidth }
    ) + [
      .count("feed_forward_length", "intermediate_size") { $0.denseWidth },
      .count("attention.head_count", "num_attention_heads") { $0.attention.heads },
      .count("attention.kv_lora_rank", "kv_lora_rank") { $0.attention.latentDimension },
      .count("expert_shared_count", "n_shared_experts", optional: true) { $0.sharedExperts },
      .number("expert_weights_scale", "routed_scaling_factor", optional: true) { $0.routing.scale },
      .flag("expert_weights_norm", "norm_topk_prob", optional: true) { $0.routing.normalized },
      .count("hyper_connection.count", "hc_mult") { $0.lanes },
      .number("hyper_connection.magnitude", "hc_magnitude") { $0.magnitude },
      .number("hyper_connection.epsilon", "hc_eps") { $0.laneEpsilon },
    ] + DialectField.indexer { $0.indexer }

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "hy_v4", from: .architecture)
    try DeepSeekDialect.latentAttention(of: &config, file)
    try file.rotary(into: &config)
    file.expertLayers(into: &config)
    let layers = config["num_hidden_layers"]?.int ?? 0
    guard let hasIndexer = try file.flags("attention.indexer.types", layers: layers) else {
      throw file.wrong("attention.indexer.types", "missing", "\(layers) truth values")
    }
    config.set(
      "indexer_types", .array(hasIndexer.map { $0 ? "full" : "shared" }), from: "attention.indexer.types")
    let limits = try file.numbers("swiglu_clamp_exp", layers: layers) ?? [0]
    guard let limit = limits.first, limits.allSatisfy({ $0 == limit }) else {
      throw file.wrong("swiglu_clamp_exp", "\(limits)", "one number for all layers")
    }
    config.set("swiglu_limit", .number(limit), from: "swiglu_clamp_exp")
  }

  static func rules(_ family: HyV4) -> [TensorRule] {
    let (layer, mlp) = ("model.layers.{n}", "model.layers.{n}.mlp")
    let lanes = ["fn", "base", "scale"].flatMap { part in
      [
        TensorRule("output_hc_\(part).weight", as: "model.hc_head.hc_head_\(part)"),
        TensorRule("blk.{n}.hc_attn_\(part).weight", as: "\(layer).hc_attn_layer.hc_pre.hc_\(part)"),
        TensorRule("blk.{n}.hc_ffn_\(part).weight", as: "\(layer).hc_mlp_layer.hc_pre.hc_\(part)"),
      ]
    }
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.latentAttention(family.attention)
      + TensorRule.indexer() + lanes + TensorRule.feedForward()
      + TensorRule.feedForward("\(mlp).shared_experts", suffix: "_shexp")
      + TensorRule.experts(family.routing.expertCount)
      + TensorRule.selectionBias("\(mlp).gate.e_score_correction_bias") + [
        TensorRule.router(),
        TensorRule("blk.{n}.attn_sinks.weight", as: "\(layer).self_attn.learnable_sink_param"),
        TensorRule("blk.{n}.attn_gate.weight", as: "\(layer).self_attn.linear_gate.weight"),
      ]
  }

  static func architecture(of family: HyV4) -> String? { nil }

  static func describe(_ family: HyV4, in metadata: inout DialectMetadata) {}
}
