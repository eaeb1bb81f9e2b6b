internal import InferCore
internal import InferText

/// MiniMax-Text-01 and M1, whose files are read and not written.
enum MiniMaxDialect: Dialect {
  static let architectures = ["minimax-01"]
  static let fields: [DialectField<MiniMax>] =
    DialectField.frame() + [
      .count("feed_forward_length", "intermediate_size") { $0.expertWidth },
      .count("expert_count", "num_local_experts") { $0.selection.expertCount },
      .count("expert_used_count", "num_experts_per_tok") { $0.selection.topK },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "minimax", from: .architecture)
    try file.attention(into: &config)
    try file.rotary(into: &config, theta: 10_000_000)
    let layers = config["num_hidden_layers"]?.int ?? 0
    let key = "attention.recurrent_layers"
    var isLinear: [Bool]
    if let flags = try file.flags(key, layers: layers) {
      isLinear = flags
    } else {
      let period = try file.count("full_attention_interval", default: 8)
      guard period > 0 else { throw file.wrong("full_attention_interval", "0", "a count above 0") }
      isLinear = (0..<layers).map { $0 % period != period - 1 }
    }
    config.set("layer_types", .array(isLinear.map { $0 ? "linear_attention" : "full_attention" }), from: .key(key))
    // One for the stream of all branches, which have none.
    let scale = JSONValue.number(try file.number("residual_scale"))
    for name in ["linear_attn_alpha_factor", "full_attn_alpha_factor", "mlp_alpha_factor"] {
      config.set(name, scale, from: "residual_scale")
    }
  }

  static func rules(_ family: MiniMax) -> [TensorRule] {
    let (heads, moe) = ("model.layers.{n}.self_attn", "model.layers.{n}.block_sparse_moe")
    let linear = family.isLinear.indices.filter { family.isLinear[$0] }.map {
      TensorRule("blk.\($0).attn_output.weight", as: "model.layers.\($0).self_attn.out_proj.weight")
    }
    let experts = [("gate", "w1"), ("up", "w3"), ("down", "w2")].map { part, name in
      TensorRule(
        "blk.{n}.ffn_\(part)_exps.weight", as: "\(moe).experts.{e}.\(name).weight",
        .experts(family.selection.expertCount))
    }
    return linear + TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention(heads) + experts + [
      TensorRule.router("block_sparse_moe.gate.weight"),
      TensorRule("blk.{n}.attn_qkv.weight", as: "\(heads).qkv_proj.weight"),
      TensorRule("blk.{n}.attn_gate.weight", as: "\(heads).output_gate.weight"),
      TensorRule("blk.{n}.attn_norm_2.weight", as: "\(heads).norm.weight"),
    ]
  }

  static func architecture(of family: MiniMax) -> String? { nil }

  static func describe(_ family: MiniMax, in metadata: inout DialectMetadata) {}
}
