internal import InferCore

/// The open Hunyuan models of the first generation, dense and mixture of experts.
enum HunyuanDialect: Dialect {
  static let family: any ModelFamily.Type = HunyuanV1.self
  static let architectures = ["hunyuan-dense", "hunyuan-moe"]
  static let fields =
    DialectField.frame() + [
      .count("feed_forward_length", "intermediate_size"), .count("expert_count", "num_experts", optional: true),
      .count("expert_used_count", "moe_topk", optional: true),
      .count("expert_feed_forward_length", "moe_intermediate_size", optional: true),
      .count("expert_shared_count", "num_shared_expert", optional: true),
    ]

  static func complete(_ config: inout JSONValue, from file: GGUFDescription) throws(ModelError) {
    let hasExperts = file.architecture == "hunyuan-moe"
    config["model_type"] = hasExperts ? "hunyuan_v1_moe" : "hunyuan_v1_dense"
    config["use_qk_norm"] = .bool(file.hasInLayers("attn_q_norm.weight"))
    try file.attention(into: &config)
    // The base is that of the NTK-aware scaling already.
    try file.rotary(into: &config)
    guard hasExperts else { return }
    let width = try file.count("expert_feed_forward_length", default: try file.count("feed_forward_length"))
    let shared = try file.count("expert_shared_feed_forward_length", default: width)
    guard width > 0, shared % width == 0 else {
      throw file.wrong("expert_shared_feed_forward_length", "\(shared)", "a multiple of the experts' \(width)")
    }
    config["num_shared_expert"] = .integer(shared / width)
  }

  static func rules(_ config: ConfigReader) throws(ModelError) -> [TensorRule] {
    let experts = try config.count("num_experts", default: 0)
    let mlp = "model.layers.{n}.mlp"
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention()
      + TensorRule.headNorms(query: "query_layernorm", key: "key_layernorm") + TensorRule.feedForward()
      + TensorRule.experts(experts) + TensorRule.feedForward("\(mlp).shared_mlp", suffix: "_shexp")
      + [TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(mlp).gate.wg.weight")]
  }
}

/// Hunyuan 3.
enum HyV3Dialect: Dialect {
  static let family: any ModelFamily.Type = HyV3.self
  static let architectures = ["hy_v3", "hy-v3"]
  static let fields =
    DialectField.frame() + [
      .count("feed_forward_length", "intermediate_size"), .count("expert_count", "num_experts"),
      .count("expert_used_count", "num_experts_per_tok"),
      .count("expert_feed_forward_length", "moe_intermediate_size"),
      .number("expert_weights_scale", "router_scaling_factor", optional: true),
    ]

  static func complete(_ config: inout JSONValue, from file: GGUFDescription) throws(ModelError) {
    config["model_type"] = "hy_v3"
    let isNormalized = try file.flag("expert_weights_norm", default: true)
    guard isNormalized else { throw file.wrong("expert_weights_norm", "false", "true") }
    try file.attention(into: &config)
    try file.rotary(into: &config, theta: 11_158_840)
    let layers = config["num_hidden_layers"]?.int ?? 0
    config["mlp_layer_types"] = .array(
      (0..<layers).map { file.tensors["blk.\($0).ffn_gate_inp.weight"] == nil ? "dense" : "sparse" })
    let width = try file.count("expert_feed_forward_length")
    let shared = try file.count("expert_shared_feed_forward_length", default: width)
    guard width > 0, shared % width == 0 else {
      throw file.wrong("expert_shared_feed_forward_length", "\(shared)", "a multiple of the experts' \(width)")
    }
    config["num_shared_experts"] = .integer(shared / width)
  }

  static func rules(_ config: ConfigReader) throws(ModelError) -> [TensorRule] {
    let experts = try config.size("num_experts", "num_local_experts")
    let mlp = "model.layers.{n}.mlp"
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention() + TensorRule.headNorms()
      + TensorRule.feedForward() + TensorRule.experts(experts)
      + TensorRule.feedForward("\(mlp).shared_mlp", suffix: "_shexp")
      + TensorRule.selectionBias("\(mlp).expert_bias")
      + [TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(mlp).router.gate.weight")]
  }
}
