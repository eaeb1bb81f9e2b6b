internal import InferCore
internal import InferText

/// The plain transformer: Llama and models like it — SmolLM2, Mistral, Llama 3 —, Granite 3, Qwen2 and, with queries that grow
/// with their position, Ministral 3.
enum LlamaDialect: Dialect {
  static let architectures = ["llama", "granite", "qwen2", "mistral3"]
  static let fields: [DialectField<Llama>] =
    DialectField.frame() + DialectField.granite { $0.kind == .granite ? $0.residualScale : nil } + [
      .count("feed_forward_length", "intermediate_size") { $0.hidden }
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    let experts = try file.count("expert_count", default: 0)
    guard experts == 0 else { throw file.wrong("expert_count", "\(experts)", "none: experts are not supported here") }
    let isMistral3 = file.architecture == "mistral3"
    let growth = isMistral3 ? try file.number("attention.temperature_scale", default: 0) : 0
    let ofMistral: JSONValue = growth == 0 ? "mistral" : "ministral3"
    config.set("model_type", isMistral3 ? ofMistral : .string(file.architecture), from: .architecture)
    try file.attention(into: &config)
    try file.rotary(into: &config)
    if isMistral3 { try mistral3(of: &config, file, growth: growth) }
    if file.architecture == "granite" { try file.attentionScale(into: &config) }
    file.flag("mlp_bias", hasInLayers: "ffn_up.bias", into: &config)
  }

  private static func mistral3(
    of config: inout Configuration, _ file: GGUFDescription, growth: Double
  ) throws(ModelError) {
    try file.windows(into: &config) { _ in true }
    if config["rope_parameters"]?["rope_type"]?.string == "yarn" {
      config.set("rope_parameters.mscale", 1, from: "rope.scaling.yarn_log_multiplier")
      let magnitude = try file.number("rope.scaling.yarn_log_multiplier", default: 0)
      config.set(
        "rope_parameters.mscale_all_dim", .number(magnitude), from: "rope.scaling.yarn_log_multiplier",
        isComputed: false)
    }
    guard growth != 0 else { return }
    let length = try file.count("rope.scaling.original_context_length")
    config.set(
      "rope_parameters.original_max_position_embeddings", .integer(length),
      from: "rope.scaling.original_context_length", isComputed: false)
    config.set(
      "rope_parameters.llama_4_scaling_beta", .number(growth), from: "attention.temperature_scale", isComputed: false)
  }

  static func rules(_ family: Llama) -> [TensorRule] {
    // Qwen2's rows stay as they are.
    TensorRule.frame() + TensorRule.layerNorms()
      + TensorRule.attention(heads: family.kind == .qwen2 ? nil : family.attention) + TensorRule.feedForward()
  }

  static func architecture(of family: Llama) -> String? {
    switch family.kind {
    case .llama: family.attention.queryGrowth == nil ? "llama" : "mistral3"
    case .granite: "granite"
    case .qwen2: "qwen2"
    }
  }

  static func describe(_ family: Llama, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention)
    metadata.rotary(family.rotary)
    metadata["attention.scale"] = family.attentionScale.map { .number(Double($0)) }
    guard case .inSteps(let strength, let length) = family.attention.queryGrowth else { return }
    metadata["attention.temperature_scale"] = .number(Double(strength))
    metadata["rope.scaling.original_context_length"] = .count(length)
    if case .yarn(let factor, _) = family.rotary.frequencies.stretching, factor > 1 {
      // The divisor of the magnitude of angles, as a factor on the logarithm.
      let magnitude = RotaryFrequencies.yarnMagnitude(scale: factor)
      let divisor = magnitude / family.rotary.frequencies.amplitude
      metadata["rope.scaling.yarn_log_multiplier"] = .number((divisor - 1) / (magnitude - 1))
    }
  }

  static func obstacle(_ family: Llama) -> String? {
    if family.attention.queryGrowth != nil {
      if family.hiddenBias || family.attention.bias { return "biases" }
      return family.windows.contains { $0 != nil } ? "windows" : nil
    }
    guard family.kind == .qwen2 else { return nil }
    return family.hiddenBias ? "biases in feed-forward networks" : family.rotary.obstacle
  }
}

/// Qwen3, dense and mixture of experts.
enum Qwen3Dialect: Dialect {
  static let architectures = ["qwen3", "qwen3moe"]
  static let fields: [DialectField<Qwen3>] =
    DialectField.frame() + [
      .count("feed_forward_length", "intermediate_size") { $0.denseWidth },
      .count("expert_count", "num_experts", optional: true) { $0.selection?.expertCount },
      .count("expert_used_count", "num_experts_per_tok", optional: true) { $0.selection?.topK },
      .count("expert_feed_forward_length", "moe_intermediate_size", optional: true) {
        $0.selection == nil ? nil : $0.expertWidth
      },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    let hasExperts = file.architecture == "qwen3moe"
    config.set("model_type", hasExperts ? "qwen3_moe" : "qwen3", from: .architecture)
    // llama.cpp always divides the weights of the chosen experts by their sum.
    if hasExperts { config.set("norm_topk_prob", true, from: .architecture) }
    try file.attention(into: &config)
    try file.rotary(into: &config)
  }

  static func rules(_ family: Qwen3) -> [TensorRule] {
    // llama.cpp has a classifier with the softmax of its labels for the model without experts alone.
    let head = family.selection == nil ? [TensorRule("cls.output.weight", as: RelevanceScorer.headName, .odds)] : []
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention() + TensorRule.headNorms()
      + TensorRule.feedForward() + TensorRule.experts(family.selection?.expertCount ?? 0)
      + [TensorRule("blk.{n}.ffn_gate_inp.weight", as: "model.layers.{n}.mlp.gate.weight")] + head
  }

  static func architecture(of family: Qwen3) -> String? { family.selection == nil ? "qwen3" : "qwen3moe" }

  static func describe(_ family: Qwen3, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention)
    metadata.rotary(family.rotary)
  }

  static func obstacle(_ family: Qwen3) -> String? {
    family.attention.outputBias ? "bias behind attention" : family.rotary.obstacle
  }
}
