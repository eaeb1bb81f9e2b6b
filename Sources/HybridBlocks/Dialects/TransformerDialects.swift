internal import InferCore

/// The plain transformer: Llama and what is made like it — SmolLM2, Mistral, Llama 3 —, Granite 3 and Qwen2.
enum LlamaDialect: Dialect {
  static let family: any ModelFamily.Type = Llama.self
  static let architectures = ["llama", "granite", "qwen2"]
  static let fields = DialectField.frame() + DialectField.granite + [.count("feed_forward_length", "intermediate_size")]

  static func complete(_ config: inout JSONValue, from file: GGUFDescription) throws(ModelError) {
    let experts = try file.count("expert_count", default: 0)
    guard experts == 0 else { throw file.wrong("expert_count", "\(experts)", "none: experts are not supported here") }
    config["model_type"] = .string(file.architecture)
    try file.attention(into: &config)
    try file.rotary(into: &config)
    if file.architecture == "granite" { try file.attentionScale(into: &config) }
    if file.hasInLayers("ffn_up.bias") { config["mlp_bias"] = true }
  }

  static func rules(_ config: ConfigReader) throws(ModelError) -> [TensorRule] {
    let shape = try config.attentionShape(width: try config.size("hidden_size"), bias: false)
    // Qwen2's rows stay as they are.
    let isPaired = try config.string("model_type") != "qwen2"
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention(heads: isPaired ? shape : nil)
      + TensorRule.feedForward()
  }
}

/// Qwen3, dense and mixture of experts.
enum Qwen3Dialect: Dialect {
  static let family: any ModelFamily.Type = Qwen3.self
  static let architectures = ["qwen3", "qwen3moe"]
  static let fields =
    DialectField.frame() + [
      .count("feed_forward_length", "intermediate_size"), .count("expert_count", "num_experts", optional: true),
      .count("expert_used_count", "num_experts_per_tok", optional: true),
      .count("expert_feed_forward_length", "moe_intermediate_size", optional: true),
    ]

  static func complete(_ config: inout JSONValue, from file: GGUFDescription) throws(ModelError) {
    let hasExperts = file.architecture == "qwen3moe"
    config["model_type"] = hasExperts ? "qwen3_moe" : "qwen3"
    // llama.cpp always divides the weights of the chosen experts by their sum.
    if hasExperts { config["norm_topk_prob"] = true }
    try file.attention(into: &config)
    try file.rotary(into: &config)
  }

  static func rules(_ config: ConfigReader) throws(ModelError) -> [TensorRule] {
    let experts = try config.count("num_experts", "num_local_experts", default: 0)
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention() + TensorRule.headNorms()
      + TensorRule.feedForward() + TensorRule.experts(experts)
      + [TensorRule("blk.{n}.ffn_gate_inp.weight", as: "model.layers.{n}.mlp.gate.weight")]
  }
}
