internal import InferCore
internal import InferText

/// The open Hunyuan models of the first generation, dense and mixture of experts.
enum HunyuanDialect: Dialect {
  static let architectures = ["hunyuan-dense", "hunyuan-moe"]
  static let fields: [DialectField<HunyuanV1>] =
    DialectField.frame() + [
      .count("feed_forward_length", "intermediate_size") { $0.expertLayers.first?.width ?? $0.denseWidth },
      .count("expert_count", "num_experts", optional: true) { $0.expertCount > 0 ? $0.expertCount : nil },
      .count("expert_used_count", "moe_topk", optional: true) { $0.expertLayers.first?.topK },
      .count("expert_feed_forward_length", "moe_intermediate_size", optional: true) { $0.expertLayers.first?.width },
      .count("expert_shared_count", "num_shared_expert", optional: true) {
        $0.expertLayers.first.map { $0.shared / $0.width }
      },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    let hasExperts = file.architecture == "hunyuan-moe"
    config.set("model_type", hasExperts ? "hunyuan_v1_moe" : "hunyuan_v1_dense", from: .architecture)
    file.flag("use_qk_norm", hasInLayers: "attn_q_norm.weight", into: &config)
    try file.attention(into: &config)
    // The base is that of the NTK-aware scaling already.
    try file.rotary(into: &config)
    guard hasExperts else { return }
    let width = try file.count("expert_feed_forward_length", default: try file.count("feed_forward_length"))
    config.set(
      "num_shared_expert", .integer(try file.sharedExperts(width: width)), from: "expert_shared_feed_forward_length")
  }

  static func rules(_ family: HunyuanV1) -> [TensorRule] {
    let mlp = "model.layers.{n}.mlp"
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention()
      + TensorRule.headNorms(query: "query_layernorm", key: "key_layernorm") + TensorRule.feedForward()
      + TensorRule.experts(family.expertCount) + TensorRule.feedForward("\(mlp).shared_mlp", suffix: "_shexp")
      + [TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(mlp).gate.wg.weight")]
  }

  static func architecture(of family: HunyuanV1) -> String? {
    family.expertCount > 0 ? "hunyuan-moe" : "hunyuan-dense"
  }

  static func describe(_ family: HunyuanV1, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention)
    metadata.rotary(family.rotary)
    metadata["expert_shared_feed_forward_length"] = family.expertLayers.first.map { .count($0.shared) }
  }

  static func obstacle(_ family: HunyuanV1) -> String? {
    if !family.usesHeadNorm { return "heads without norms" }
    if family.expertLayers.contains(where: { $0.shared == 0 }) { return "experts without a shared one" }
    return family.attention.outputBias ? "bias behind attention" : family.rotary.obstacle
  }
}

/// Hunyuan 3.
enum HyV3Dialect: Dialect {
  static let architectures = ["hy_v3", "hy-v3"]
  static let fields: [DialectField<HyV3>] =
    DialectField.frame() + [
      .count("feed_forward_length", "intermediate_size") { $0.denseWidth },
      .count("expert_count", "num_experts") { $0.expertCount },
      .count("expert_used_count", "num_experts_per_tok") { $0.topK },
      .count("expert_feed_forward_length", "moe_intermediate_size") { $0.expertWidth },
      .number("expert_weights_scale", "router_scaling_factor", optional: true) { $0.expertScale },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "hy_v3", from: .architecture)
    let isNormalized = try file.flag("expert_weights_norm", default: true)
    guard isNormalized else { throw file.wrong("expert_weights_norm", "false", "true") }
    try file.attention(into: &config)
    try file.rotary(into: &config, theta: 11_158_840)
    let layers = config["num_hidden_layers"]?.int ?? 0
    let kinds = (0..<layers).map { file.tensors["blk.\($0).ffn_gate_inp.weight"] == nil ? "dense" : "sparse" }
    config.set("mlp_layer_types", .array(kinds.map(JSONValue.string)), from: .tensor("ffn_gate_inp.weight"))
    let width = try file.count("expert_feed_forward_length")
    config.set(
      "num_shared_experts", .integer(try file.sharedExperts(width: width)), from: "expert_shared_feed_forward_length")
  }

  static func rules(_ family: HyV3) -> [TensorRule] {
    let mlp = "model.layers.{n}.mlp"
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention() + TensorRule.headNorms()
      + TensorRule.feedForward() + TensorRule.experts(family.expertCount)
      + TensorRule.feedForward("\(mlp).shared_mlp", suffix: "_shexp")
      // llama.cpp has it without a suffix here.
      + TensorRule.selectionBias("\(mlp).expert_bias").reversed()
      + [TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(mlp).router.gate.weight")]
  }

  static func describe(_ family: HyV3, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention)
    metadata.rotary(family.rotary)
    metadata["expert_shared_feed_forward_length"] = .count(family.sharedExperts * family.expertWidth)
    metadata["expert_weights_norm"] = .bool(true)
    metadata["expert_gating_func"] = ExpertScoring.sigmoid.value
  }

  static func obstacle(_ family: HyV3) -> String? {
    if family.sharedExperts == 0 { return "experts without a shared one" }
    return family.attention.outputBias ? "bias behind attention" : family.rotary.obstacle
  }
}
