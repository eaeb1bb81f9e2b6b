internal import InferCore
internal import InferText

/// Falcon-H1: its factors are in the file's weights already.
enum FalconH1Dialect: Dialect {
  static let architectures = ["falcon-h1"]
  static let fields: [DialectField<FalconH1>] =
    DialectField.frame() + DialectField.mamba { $0.mamba } + [
      .count("feed_forward_length", "intermediate_size") { $0.hidden }
    ]
  /// Keys of the factors.
  private static let factors = [
    "attention_in_multiplier", "attention_out_multiplier", "embedding_multiplier", "key_multiplier",
    "lm_head_multiplier", "mlp_multipliers", "ssm_in_multiplier", "ssm_multipliers", "ssm_out_multiplier",
  ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "falcon_h1", from: .architecture)
    try file.attention(into: &config)
    try file.rotary(into: &config)
    try file.mamba2(into: &config)
    file.flag("projectors_bias", hasInLayers: "ssm_out.bias", into: &config)
    file.flag("mlp_bias", hasInLayers: "ffn_up.bias", into: &config)
    file.flag("mamba_rms_norm", hasInLayers: "ssm_norm.weight", into: &config)
    config.set("mamba_norm_before_gate", false, from: .architecture)
  }

  static func rules(_ family: FalconH1) -> [TensorRule] {
    let (layer, heads) = ("model.layers.{n}", "model.layers.{n}.self_attn")
    let (attention, mamba) = (family.attentionScale, family.mamba)
    let widths = [mamba.inner, mamba.inner, mamba.groupState, mamba.groupState, mamba.heads]
    let inputs = zip(family.mambaFactors, widths).flatMap { factor, width in
      Array(repeating: factor * family.mambaScale.input, count: width)
    }
    let scaled: [(file: String, name: String, factors: [Float])] = [
      ("token_embd", "model.embed_tokens", [family.frame.embeddingScale]),
      ("output", "lm_head", [family.frame.logitScale]),
      ("blk.{n}.attn_q", "\(heads).q_proj", [attention.input]),
      ("blk.{n}.attn_k", "\(heads).k_proj", [attention.input * family.keyScale]),
      ("blk.{n}.attn_v", "\(heads).v_proj", [attention.input]),
      ("blk.{n}.attn_output", "\(heads).o_proj", [attention.output]),
      ("blk.{n}.ffn_gate", "\(layer).feed_forward.gate_proj", [family.feedForwardScale.gate]),
      ("blk.{n}.ffn_down", "\(layer).feed_forward.down_proj", [family.feedForwardScale.down]),
      ("blk.{n}.ssm_in", "\(layer).mamba.in_proj", inputs),
      ("blk.{n}.ssm_out", "\(layer).mamba.out_proj", [family.mambaScale.output]),
    ]
    return scaled.map { TensorRule("\($0.file).weight", as: "\($0.name).weight", .scaled($0.factors)) } + [
      // The second norm of a layer, with a suffix in some files.
      TensorRule("blk.{n}.ffn_norm", as: "\(layer).pre_ff_layernorm.weight")
    ] + TensorRule.frame(norm: "model.final_layernorm") + TensorRule.layerNorms(second: "pre_ff_layernorm")
      + TensorRule.attention() + TensorRule.feedForward("\(layer).feed_forward")
      + TensorRule.mamba2("\(layer).mamba", mamba)
  }

  static func describe(_ family: FalconH1, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention)
    metadata.rotary(family.rotary)
    metadata["ssm.inner_size"] = .count(family.mamba.inner)
  }

  static func obstacle(_ family: FalconH1) -> String? {
    let scales = family.frame.embeddingScale != 1 || family.frame.logitScale != 1
    if family.frame.isTied && scales { return "factors on a head that is the embedding" }
    if family.attention.bias || family.feedForwardBias { return "biases beside factors" }
    return family.mamba.biasObstacle
  }

  static func restated(_ config: JSONValue) -> JSONValue {
    var config = config
    for key in factors where config[key] != nil { config[key] = nil }
    return config
  }
}
