internal import InferCore
internal import InferText

/// Step 3.5 and 3.7. Norms are stored with the one added, and half of each head turns in layers that see everything.
enum StepDialect: Dialect {
  static let architectures = ["step35"]
  static let fields: [DialectField<Step3>] =
    DialectField.frame()
    + DialectField.experts(
      "moe_num_experts", topK: "moe_top_k", width: "moe_intermediate_size", { $0.routing }, { $0.expertWidth }
    ) + [
      .count("feed_forward_length", "intermediate_size") { $0.denseWidth },
      .count("attention.key_length", "head_dim") { $0.attention.whole.headDimension },
      .count("expert_shared_feed_forward_length", "share_expert_dim") { $0.sharedWidth },
      .number("expert_weights_scale", "moe_router_scaling_factor", optional: true) { $0.routing.scale },
      .flag("expert_weights_norm", "norm_expert_weight", optional: true) { $0.routing.normalized },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "step3p5", from: .architecture)
    try file.windows(into: &config) { $0 % 4 != 0 }
    let isWindowed = config.windowedLayers
    let heads = try file.counts("attention.head_count", where: isWindowed)
    let keyHeads = try file.counts("attention.head_count_kv", where: isWindowed, default: heads.whole)
    guard keyHeads.whole == keyHeads.windowed else {
      throw file.wrong("attention.head_count_kv", "\(keyHeads)", "one count for all layers")
    }
    config.set("num_attention_heads", .integer(heads.whole), from: "attention.head_count", isComputed: false)
    config.set("num_sliding_attention_heads", .integer(heads.windowed), from: "attention.head_count", isComputed: false)
    config.set("num_attention_groups", .integer(keyHeads.whole), from: "attention.head_count_kv", isComputed: false)
    let size = try file.count("attention.key_length")
    let values = try file.count("attention.value_length", default: size)
    guard values == size else { throw file.wrong("attention.value_length", "\(values)", "\(size) as of keys") }
    let turning = try file.count("rope.dimension_count", default: size)
    guard turning == size else { throw file.wrong("rope.dimension_count", "\(turning)", "\(size) as of keys") }
    var whole: [String: JSONValue] = ["partial_rotary_factor": 0.5]
    if let tensor = file.tensors["rope_freqs.weight"] {
      // Files have divisors for whole heads; those that do not turn count for nothing.
      let divisors = JSONValue.array(try tensor.floats().prefix(size / 4).map { .number(Double($0)) })
      for (key, value) in ["rope_type": "longrope", "short_factor": divisors, "long_factor": divisors] {
        whole[key] = value
      }
      whole["attention_factor"] = 1
      whole["original_max_position_embeddings"] = .integer(try file.count("context_length"))
    }
    try file.rotaryOfKinds(whole, theta: (whole: 10_000, windowed: 10_000), into: &config)
    for (key, name) in [("swiglu_clamp_exp", "swiglu_limits"), ("swiglu_clamp_shexp", "swiglu_limits_shared")] {
      guard let limits = try file.numbers(key, layers: isWindowed.count) else { continue }
      config.set(name, .array(limits.map(JSONValue.number)), from: .key(key), isComputed: false)
    }
    file.expertLayers(into: &config)
  }

  static func rules(_ family: Step3) -> [TensorRule] {
    let (layer, heads) = ("model.layers.{n}", "model.layers.{n}.self_attn")
    let norms = [
      ("output_norm", "model.norm"), ("blk.{n}.attn_norm", "\(layer).input_layernorm"),
      ("blk.{n}.ffn_norm", "\(layer).post_attention_layernorm"), ("blk.{n}.attn_q_norm", "\(heads).q_norm"),
      ("blk.{n}.attn_k_norm", "\(heads).k_norm"),
    ]
    return norms.map { TensorRule("\($0).weight", as: "\($1).weight", .incremented) } + TensorRule.frame()
      + TensorRule.attention(heads) + TensorRule.feedForward()
      + TensorRule.feedForward("\(layer).share_expert", suffix: "_shexp")
      + ["gate", "up", "down"].map {
        TensorRule("blk.{n}.ffn_\($0)_exps.weight", as: "\(layer).moe.\($0)_proj.weight")
      } + TensorRule.selectionBias("\(layer).moe.router_bias") + [
        TensorRule.router("moe.gate.weight"),
        TensorRule("blk.{n}.attn_gate.weight", as: "\(heads).g_proj.weight"),
      ]
  }

  static func describe(_ family: Step3, in metadata: inout DialectMetadata) {
    let (whole, windowed) = (family.attention.whole, family.attention.windowed)
    metadata["attention.head_count"] = .counts(family.isWindowed.map { $0 ? windowed.queryHeads : whole.queryHeads })
    metadata["attention.head_count_kv"] = .counts(family.isWindowed.map { _ in whole.keyHeads })
    metadata["attention.value_length"] = .count(whole.headDimension)
    metadata.windows(family.isWindowed.map { $0 ? windowed.window : nil })
    metadata.rotary(family.rotary.whole, pairs: whole.headDimension / 2)
    // It is that of whole heads where it stands at all.
    metadata["rope.dimension_count"] = nil
    metadata["rope.freq_base_swa"] = .number(family.rotary.windowed.frequencies.base)
    metadata["leading_dense_block_count"] = .count(family.isDense.prefix { $0 }.count)
    metadata["moe_every_n_layers"] = .count(1)
    for (key, limits) in [
      ("swiglu_clamp_exp", family.limits.experts), ("swiglu_clamp_shexp", family.limits.others),
    ] where limits.contains(where: { $0 > 0 }) {
      metadata[key] = .array(limits.map { .number(Double($0)) })
    }
  }

  static func obstacle(_ family: Step3) -> String? {
    if family.attention.whole.bias { return "biases in attention" }
    return family.rotary.windowed.obstacle
  }
}
