internal import InferCore
internal import InferText

/// gpt-oss. Gates and ups of experts are apart, and in stacks.
enum GptOssDialect: Dialect {
  static let architectures = ["gpt-oss"]
  static let fields: [DialectField<GptOss>] =
    DialectField.frame() + [
      .count("expert_feed_forward_length", "intermediate_size") { $0.expertWidth },
      .count("expert_count", "num_local_experts") { $0.selection.expertCount },
      .count("expert_used_count", "num_experts_per_tok") { $0.selection.topK },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "gpt_oss", from: .architecture)
    try file.attention(into: &config)
    try file.rotary(into: &config, theta: 150_000)
    try file.windows(into: &config) { $0 % 2 == 0 }
    // Files do not say that the borders of YaRN's ramp are not rounded.
    if config["rope_parameters"]?["rope_type"]?.string == "yarn" {
      config.set("rope_parameters.truncate", false, from: .architecture)
    }
  }

  static func rules(_ family: GptOss) -> [TensorRule] {
    let mlp = "model.layers.{n}.mlp"
    return TensorRule.frame() + TensorRule.layerNormsBehindAttention() + TensorRule.attention()
      + ["gate", "up", "down"].map {
        TensorRule("blk.{n}.ffn_\($0)_exps.{s}", as: "\(mlp).experts.\($0)_proj.{s}")
      } + [
        TensorRule("blk.{n}.attn_sinks.weight", as: "model.layers.{n}.self_attn.sinks"),
        TensorRule("blk.{n}.ffn_gate_inp.{s}", as: "\(mlp).router.{s}"),
      ]
  }

  static func describe(_ family: GptOss, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention)
    metadata["feed_forward_length"] = .count(family.expertWidth)
  }
}
