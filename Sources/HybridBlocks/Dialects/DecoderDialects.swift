internal import InferCore
internal import InferText

/// OLMo 2 and 3.
enum OlmoDialect: Dialect {
  static let architectures = ["olmo2"]
  static let fields: [DialectField<Olmo>] =
    DialectField.frame() + [.count("feed_forward_length", "intermediate_size") { $0.hidden }]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    let hasWindows = try file.count("attention.sliding_window", default: 0) > 0
    config.set("model_type", hasWindows ? "olmo3" : "olmo2", from: "attention.sliding_window")
    try file.attention(into: &config)
    try file.rotary(into: &config)
    guard hasWindows else { return }
    try file.windows(into: &config) { $0 % 4 < 3 }
    let base = try file.number("rope.freq_base_swa", default: try file.number("rope.freq_base", default: 10_000))
    config.set("rope_theta", .number(base), from: "rope.freq_base_swa")
  }

  static func rules(_ family: Olmo) -> [TensorRule] {
    TensorRule.frame() + TensorRule.outputNorms() + TensorRule.attention() + TensorRule.headNorms()
      + TensorRule.feedForward()
  }

  static func describe(_ family: Olmo, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention)
    let windowed = family.attention.sights.first { $0.window != nil }?.rotary
    metadata["rope.freq_base_swa"] = windowed.map { .number($0.frequencies.base) }
  }

  static func obstacle(_ family: Olmo) -> String? {
    family.attention.shape.bias ? "biases in attention" : family.attention.rotary?.obstacle
  }
}

/// EXAONE 4.
enum Exaone4Dialect: Dialect {
  static let architectures = ["exaone4"]
  static let fields: [DialectField<Exaone4>] =
    DialectField.frame() + [.count("feed_forward_length", "intermediate_size") { $0.hidden }]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "exaone4", from: .architecture)
    try file.attention(into: &config)
    try file.rotary(into: &config)
    try file.windows(into: &config) { $0 % 4 < 3 }
  }

  static func rules(_ family: Exaone4) -> [TensorRule] {
    TensorRule.frame() + TensorRule.outputNorms() + TensorRule.attention() + TensorRule.headNorms()
      + TensorRule.feedForward()
  }

  static func describe(_ family: Exaone4, in metadata: inout DialectMetadata) { metadata.attention(family.attention) }

  static func obstacle(_ family: Exaone4) -> String? { family.attention.rotary?.obstacle }
}

/// Command R7B and Command A.
enum Cohere2Dialect: Dialect {
  static let architectures = ["cohere2"]
  static let fields: [DialectField<Cohere2>] = [
    .count("embedding_length", "hidden_size") { $0.frame.width },
    .count("context_length", "max_position_embeddings") { $0.frame.contextLength },
    .number("attention.layer_norm_epsilon", "layer_norm_eps") { $0.frame.epsilon },
    .count("feed_forward_length", "intermediate_size") { $0.hidden },
    .number("logit_scale", "logit_scale") { $0.frame.logitScale },
  ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "cohere2", from: .architecture)
    try file.attention(into: &config)
    try file.rotary(into: &config)
    try file.windows(into: &config) { $0 % 4 < 3 }
  }

  static func rules(_ family: Cohere2) -> [TensorRule] {
    [TensorRule("blk.{n}.attn_norm.weight", as: "model.layers.{n}.input_layernorm.weight")] + TensorRule.frame()
      + TensorRule.attention() + TensorRule.feedForward()
  }

  static func describe(_ family: Cohere2, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention)
    if metadata["rope.scaling.type"] == nil { metadata["rope.scaling.type"] = .string("none") }
  }

  static func obstacle(_ family: Cohere2) -> String? {
    if !family.frame.isTied { return "head of its own" }
    return family.attention.shape.bias ? "biases in attention" : family.attention.rotary?.obstacle
  }
}

/// Phi-3 and 4. Gates stand above ups in one matrix.
enum Phi3Dialect: Dialect {
  static let architectures = ["phi3"]
  static let fields: [DialectField<Phi3>] =
    DialectField.frame() + [.count("feed_forward_length", "intermediate_size") { $0.hidden }]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "phi3", from: .architecture)
    try file.attention(into: &config)
    try file.rotary(into: &config)
    try file.windows(into: &config) { _ in true }
  }

  static func rules(_ family: Phi3) -> [TensorRule] {
    TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention() + [
      TensorRule("blk.{n}.attn_qkv.weight", as: "model.layers.{n}.self_attn.qkv_proj.weight"),
      TensorRule("blk.{n}.ffn_up.weight", as: "model.layers.{n}.mlp.gate_up_proj.weight"),
      TensorRule("blk.{n}.ffn_down.weight", as: "model.layers.{n}.mlp.down_proj.weight"),
    ]
  }

  static func describe(_ family: Phi3, in metadata: inout DialectMetadata) { metadata.attention(family.attention) }

  static func obstacle(_ family: Phi3) -> String? {
    family.attention.sights.contains { $0.window != nil } ? "windows" : nil
  }
}

/// SmolLM3. Every fourth layer has no positions.
enum SmolLM3Dialect: Dialect {
  static let architectures = ["smollm3"]
  static let fields: [DialectField<SmolLM3>] =
    DialectField.frame() + [.count("feed_forward_length", "intermediate_size") { $0.hidden }]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "smollm3", from: .architecture)
    try file.attention(into: &config)
    try file.rotary(into: &config)
    file.flag("mlp_bias", hasInLayers: "ffn_up.bias", into: &config)
  }

  static func rules(_ family: SmolLM3) -> [TensorRule] {
    TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention(heads: family.attention.shape)
      + TensorRule.feedForward()
  }

  static func describe(_ family: SmolLM3, in metadata: inout DialectMetadata) { metadata.attention(family.attention) }

  static func obstacle(_ family: SmolLM3) -> String? {
    family.hiddenBias || family.attention.shape.bias ? "biases" : family.attention.rotary?.obstacle
  }
}

/// Seed-OSS.
enum SeedOssDialect: Dialect {
  static let architectures = ["seed_oss"]
  static let fields: [DialectField<SeedOss>] =
    DialectField.frame() + [.count("feed_forward_length", "intermediate_size") { $0.hidden }]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "seed_oss", from: .architecture)
    try file.attention(into: &config)
    file.flag("attention_bias", hasInLayers: "attn_q.bias", into: &config)
    file.flag("attention_out_bias", hasInLayers: "attn_output.bias", into: &config)
    file.flag("mlp_bias", hasInLayers: "ffn_up.bias", into: &config)
    try file.rotary(into: &config)
  }

  static func rules(_ family: SeedOss) -> [TensorRule] {
    TensorRule.frame() + TensorRule.layerNormsBehindAttention() + TensorRule.attention() + TensorRule.feedForward()
  }

  static func describe(_ family: SeedOss, in metadata: inout DialectMetadata) { metadata.attention(family.attention) }

  static func obstacle(_ family: SeedOss) -> String? {
    family.hiddenBias || family.attention.shape.outputBias
      ? "biases behind attention and in networks" : family.attention.rotary?.obstacle
  }
}
