internal import InferCore

/// Granite with experts: Mamba-2 or attention, then experts beside a shared network, or one of the two alone.
enum GraniteHybridDialect: Dialect {
  static let family: any ModelFamily.Type = GraniteMoeHybrid.self
  static let architectures = ["granitehybrid", "granitemoe"]
  static let fields =
    DialectField.frame() + DialectField.granite + DialectField.mamba + [
      .count("feed_forward_length", "intermediate_size"),
      .count("expert_count", "num_local_experts", optional: true),
      .count("expert_used_count", "num_experts_per_tok", optional: true),
    ]

  static func complete(_ config: inout JSONValue, from file: GGUFDescription) throws(ModelError) {
    config["model_type"] = "granitemoehybrid"
    let keyHeads = try file.attention(into: &config)
    config["layer_types"] = .array(keyHeads.map { $0 == 0 ? "mamba" : "attention" })
    if keyHeads.contains(0) {
      config["mamba_d_head"] = .integer(try file.mambaHeadDimension())
      config["mamba_conv_bias"] = .bool(file.hasInLayers("ssm_conv1d.bias"))
      config["mamba_proj_bias"] = .bool(file.hasInLayers("ssm_in.bias"))
    }
    let isRotated = try file.flag("rope.scaling.finetuned", default: true)
    config["position_embedding_type"] = isRotated ? "rope" : "nope"
    if isRotated { try file.rotary(into: &config) }
    try file.attentionScale(into: &config)
    // Without experts the shared network has no suffix.
    let hasExperts = try file.count("expert_count", default: 0) > 0
    let shared = try hasExperts ? 0 : file.count("feed_forward_length")
    config["shared_intermediate_size"] = .integer(
      try file.count("expert_shared_feed_forward_length", default: shared))
  }

  static func rules(_ config: ConfigReader) throws(ModelError) -> [TensorRule] {
    let width = try config.size("hidden_size")
    let shape = try config.attentionShape(width: width, bias: false)
    let experts = try config.count("num_local_experts", default: 0)
    let heads = try config.size("mamba_n_heads", default: 1)
    let inner = heads * (try config.size("mamba_d_head", default: 1))
    let layer = "model.layers.{n}"
    let (moe, shared) = ("\(layer).block_sparse_moe", "\(layer).shared_mlp")
    let suffix = experts > 0 ? "_shexp" : ""
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention(heads: shape)
      + TensorRule.mamba2(
        "\(layer).mamba", heads: heads, groups: try config.size("mamba_n_groups", default: 1), inner: inner)
      + [
        TensorRule(
          "blk.{n}.ffn_gate_exps.weight", "blk.{n}.ffn_up_exps.weight", as: "\(moe).input_linear.weight",
          .gateAndUp(experts: experts)),
        TensorRule("blk.{n}.ffn_down_exps.weight", as: "\(moe).output_linear.weight"),
        TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(moe).router.layer.weight"),
        TensorRule(
          "blk.{n}.ffn_gate\(suffix).weight", "blk.{n}.ffn_up\(suffix).weight", as: "\(shared).input_linear.weight",
          .gateAndUp(experts: nil)),
        TensorRule("blk.{n}.ffn_down\(suffix).weight", as: "\(shared).output_linear.weight"),
      ]
  }
}
