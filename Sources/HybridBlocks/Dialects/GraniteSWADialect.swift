internal import InferCore
internal import InferText

/// Granite with windows, dense and mixture of experts.
enum GraniteSWADialect: Dialect {
  static let architectures = ["granite_swa"]
  static let fields: [DialectField<GraniteSWA>] =
    DialectField.frame() + DialectField.granite { $0.residualScale } + [
      .count("feed_forward_length", "intermediate_size") { $0.hidden },
      .count("expert_count", "num_local_experts", optional: true) { $0.routing?.expertCount },
      .count("expert_used_count", "num_experts_per_tok", optional: true) { $0.routing?.topK },
      .count("expert_shared_feed_forward_length", "shared_intermediate_size", optional: true) {
        $0.sharedWidth > 0 ? $0.sharedWidth : nil
      },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    let experts = try file.count("expert_count", default: 0)
    config.set("model_type", experts > 0 ? "granitemoe_swa" : "granite_swa", from: "expert_count")
    try file.attention(into: &config)
    try file.rotary(into: &config)
    try file.attentionScale(into: &config)
    try file.windows(into: &config) { $0 % 4 != 0 }
    file.flag("mlp_bias", hasInLayers: "ffn_up.bias", into: &config)
    let layers = config["num_hidden_layers"]?.int ?? 0
    if let turns = try file.flags("attention.rope_pattern", layers: layers) {
      let base = JSONValue.number(try file.number("rope.freq_base", default: 10_000))
      config.set("layer_rope_theta", .array(turns.map { $0 ? base : 0 }), from: "attention.rope_pattern")
    }
  }

  static func rules(_ family: GraniteSWA) -> [TensorRule] {
    let (heads, moe) = ("model.layers.{n}.self_attn", "model.layers.{n}.block_sparse_moe")
    let shared = "model.layers.{n}.shared_mlp"
    return TensorRule.frame() + TensorRule.layerNorms()
      + TensorRule.attention(heads, heads: family.attention.shape) + TensorRule.feedForward() + [
        TensorRule("blk.{n}.attn_sinks.weight", as: "\(heads).sinks"),
        TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(moe).router.weight"),
        TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(moe).router.layer.weight"),
        TensorRule("blk.{n}.ffn_gate_up_exps.weight", as: "\(moe).experts.gate_up_proj"),
        TensorRule("blk.{n}.ffn_gate_up_exps.weight", as: "\(moe).input_linear.weight"),
        TensorRule("blk.{n}.ffn_down_exps.weight", as: "\(moe).experts.down_proj"),
        TensorRule("blk.{n}.ffn_down_exps.weight", as: "\(moe).output_linear.weight"),
        TensorRule("blk.{n}.ffn_up_shexp.weight", as: "\(shared).input_linear.weight"),
        TensorRule("blk.{n}.ffn_down_shexp.weight", as: "\(shared).output_linear.weight"),
      ]
  }

  static func describe(_ family: GraniteSWA, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention)
    metadata["attention.scale"] = family.attention.scale.map { .number(Double($0)) }
    let turns = family.attention.sights.map { $0.rotary != nil }
    if turns.contains(false) { metadata["attention.rope_pattern"] = .array(turns.map { .bool($0) }) }
  }

  static func obstacle(_ family: GraniteSWA) -> String? {
    if family.attention.shape.bias { return "biases in attention" }
    return family.attention.sights.allSatisfy { $0.rotary == nil } ? "models without positions" : nil
  }
}
