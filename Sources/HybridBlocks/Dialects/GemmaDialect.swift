internal import InferCore
internal import InferText

/// Gemma's text models. Norms are stored with the one added.
enum GemmaDialect: Dialect {
  static let architectures = ["gemma", "gemma2", "gemma3"]
  static let fields: [DialectField<Gemma>] =
    DialectField.frame() + [
      .count("feed_forward_length", "intermediate_size") { $0.hidden },
      .number("attn_logit_softcapping", "attn_logit_softcapping", optional: true) { $0.attention.shape.scoreCap },
      .number("final_logit_softcapping", "final_logit_softcapping", optional: true) { $0.frame.logitCap },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    let hasOwnBase = file.architecture == "gemma3"
    config.set("model_type", hasOwnBase ? "gemma3_text" : .string(file.architecture), from: .architecture)
    try file.attention(into: &config)
    try file.rotary(into: &config, theta: hasOwnBase ? 1e6 : 10_000)
    guard file.architecture != "gemma" else { return }
    let period = hasOwnBase ? 6 : 2
    try file.windows(into: &config) { $0 % period < period - 1 }
    // The divisor of scores is in no file: the largest models have a width of their own for it.
    let layers = config["num_hidden_layers"]?.int ?? 0
    let scalar = scalar(
      layers: layers, width: config["hidden_size"]?.int ?? 0, heads: config["num_attention_heads"]?.int ?? 1,
      headDimension: config["head_dim"]?.int ?? 0)
    config.set("query_pre_attn_scalar", .integer(scalar), from: "block_count")
    guard hasOwnBase else { return }
    let base = try file.number("rope.freq_base_swa", default: 10_000)
    config.set("rope_local_base_freq", .number(base), from: "rope.freq_base_swa", isComputed: false)
  }

  private static func scalar(layers: Int, width: Int, heads: Int, headDimension: Int) -> Int {
    [46, 62].contains(layers) ? width / max(heads, 1) : headDimension
  }

  static func rules(_ family: Gemma) -> [TensorRule] {
    let heads = "model.layers.{n}.self_attn"
    let norms =
      family.kind == .one
      ? [
        TensorRule("blk.{n}.ffn_norm.weight", as: "model.layers.{n}.post_attention_layernorm.weight", .incremented)
      ]
      : TensorRule.outputNorms(.incremented) + [
        TensorRule("blk.{n}.ffn_norm.weight", as: "model.layers.{n}.pre_feedforward_layernorm.weight", .incremented)
      ]
    return [
      TensorRule("output_norm.weight", as: "model.norm.weight", .incremented),
      TensorRule("blk.{n}.attn_norm.weight", as: "model.layers.{n}.input_layernorm.weight", .incremented),
      TensorRule("blk.{n}.attn_q_norm.weight", as: "\(heads).q_norm.weight", .incremented),
      TensorRule("blk.{n}.attn_k_norm.weight", as: "\(heads).k_norm.weight", .incremented),
    ] + norms + TensorRule.frame() + TensorRule.attention() + TensorRule.feedForward()
  }

  static func architecture(of family: Gemma) -> String? { architectures[family.kind.rawValue - 1] }

  static func describe(_ family: Gemma, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention)
    guard family.kind == .three else { return }
    let windowed = family.attention.sights.first { $0.window != nil }?.rotary
    metadata["rope.freq_base_swa"] = windowed.map { .number($0.frequencies.base) }
  }

  static func obstacle(_ family: Gemma) -> String? {
    if family.isInside { return "place for what sees images beside the text model" }
    if !family.frame.isTied { return "head of its own" }
    return family.attention.shape.bias ? "biases in attention" : family.attention.rotary?.obstacle
  }
}
