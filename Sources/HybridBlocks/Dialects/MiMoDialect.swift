internal import InferCore
internal import InferText

/// MiMo-V2-Flash.
enum MiMoDialect: Dialect {
  static let architectures = ["mimo2"]
  static let fields: [DialectField<MiMoV2>] =
    DialectField.frame()
    + DialectField.experts(
      "n_routed_experts", topK: "num_experts_per_tok", width: "moe_intermediate_size", { $0.routing },
      { $0.expertWidth }
    ) + [
      .count("feed_forward_length", "intermediate_size") { $0.denseWidth },
      .count("attention.head_count", "num_attention_heads") { $0.attention[0].queryHeads },
      .count("attention.key_length", "head_dim") { $0.attention[0].headDimension },
      .count("attention.value_length", "v_head_dim") { $0.attention[0].valueWidth },
      .count("expert_group_count", "n_group", optional: true) { $0.routing.groups.count },
      .count("expert_group_used_count", "topk_group", optional: true) { $0.routing.groups.kept },
      .number("expert_weights_scale", "routed_scaling_factor", optional: true) {
        $0.routing.scale == 1 ? nil : $0.routing.scale
      },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "mimo_v2_flash", from: .architecture)
    config.set("norm_topk_prob", true, from: .architecture)
    try file.windows(into: &config) { $0 > 0 && ($0 + 1) % 6 != 0 }
    if let window = config["sliding_window"]?.int, window < 1 << 31 {
      // Files have what published ones have, which is how many tokens each looks back at beside itself.
      config.set("sliding_window", .integer(window + 1), from: "attention.sliding_window")
    }
    let isWindowed = config.windowedLayers
    let heads = try file.count("attention.head_count")
    let keyHeads = try file.counts("attention.head_count_kv", where: isWindowed, default: heads)
    config.set("num_key_value_heads", .integer(keyHeads.whole), from: "attention.head_count_kv", isComputed: false)
    config.set(
      "swa_num_key_value_heads", .integer(keyHeads.windowed), from: "attention.head_count_kv", isComputed: false)
    let scale = try file.number("attention.value_scale", default: 0)
    config.set(
      "attention_value_scale", scale == 0 ? .null : .number(scale), from: "attention.value_scale", isComputed: false)
    for (key, kind) in [("add_full_attention_sink_bias", false), ("add_swa_attention_sink_bias", true)] {
      let hasSinks = isWindowed.indices.contains { layer in
        isWindowed[layer] == kind && file.tensors["blk.\(layer).attn_sinks.weight"] != nil
      }
      config.set(key, .bool(hasSinks), from: .tensor("attn_sinks.weight"))
    }
    let size = try file.count("attention.key_length")
    let turning = try file.count("rope.dimension_count", default: size)
    let part: [String: JSONValue] = ["partial_rotary_factor": .number(Double(turning) / Double(max(size, 1)))]
    try file.rotaryOfKinds(part, windowed: part, theta: (whole: 5_000_000, windowed: 10_000), into: &config)
    file.expertLayers(into: &config)
  }

  static func rules(_ family: MiMoV2) -> [TensorRule] {
    let (heads, mlp) = ("model.layers.{n}.self_attn", "model.layers.{n}.mlp")
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention(heads) + TensorRule.feedForward()
      + TensorRule.experts(family.routing.expertCount)
      + TensorRule.selectionBias("\(mlp).gate.e_score_correction_bias")
      + [TensorRule.router(), TensorRule("blk.{n}.attn_sinks.weight", as: "\(heads).attention_sink_bias")]
  }

  static func describe(_ family: MiMoV2, in metadata: inout DialectMetadata) {
    metadata["attention.head_count_kv"] = .counts(family.attention.map(\.keyHeads))
    metadata["attention.sliding_window"] = family.attention.lazy.compactMap(\.window).first.map { .count($0 - 1) }
    metadata["attention.sliding_window_pattern"] = .counts(family.attention.map { $0.window == nil ? 0 : 1 })
    let scale = family.attention[0].valueScale
    metadata["attention.value_scale"] = scale == 1 ? nil : .number(Double(scale))
    metadata.rotary(family.rotary)
    metadata["rope.freq_base_swa"] = .number(family.windowedRotary.frequencies.base)
    metadata["expert_gating_func"] = ExpertScoring.sigmoid.value
  }

  static func obstacle(_ family: MiMoV2) -> String? {
    if family.attention.contains(where: \.bias) { return "biases in attention" }
    if Set(family.attention.map(\.queryHeads)).count > 1 { return "other query heads in windows" }
    return family.rotary.obstacle ?? family.windowedRotary.obstacle
  }
}
