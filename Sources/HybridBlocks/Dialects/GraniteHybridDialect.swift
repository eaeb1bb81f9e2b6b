internal import InferCore
internal import InferText

/// Granite with experts: Mamba-2 or attention, then experts beside a shared network, or one of the two alone.
enum GraniteHybridDialect: Dialect {
  static let architectures = ["granitehybrid", "granitemoe"]
  static let fields: [DialectField<GraniteMoeHybrid>] =
    DialectField.frame() + DialectField.granite { $0.residualScale } + DialectField.mamba { $0.mamba } + [
      // Without experts this is the width of the only network, whose name in the configuration is another.
      .count("feed_forward_length", "intermediate_size") { $0.selection == nil ? $0.sharedWidth : $0.expertWidth },
      .count("expert_count", "num_local_experts", optional: true) { $0.selection?.expertCount },
      .count("expert_used_count", "num_experts_per_tok", optional: true) { $0.selection?.topK },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "granitemoehybrid", from: .architecture)
    let keyHeads = try file.attention(into: &config)
    config.set(
      "layer_types", .array(keyHeads.map { $0 == 0 ? "mamba" : "attention" }), from: "attention.head_count_kv")
    if keyHeads.contains(0) { try file.mamba2(into: &config) }
    let isRotated = try file.flag("rope.scaling.finetuned", default: true)
    config.set("position_embedding_type", isRotated ? "rope" : "nope", from: "rope.scaling.finetuned")
    if isRotated { try file.rotary(into: &config) }
    try file.attentionScale(into: &config)
    // Without experts the shared network has no suffix.
    let hasExperts = try file.count("expert_count", default: 0) > 0
    let shared = try hasExperts ? 0 : file.count("feed_forward_length")
    let key = "expert_shared_feed_forward_length"
    config.set(
      "shared_intermediate_size", .integer(try file.count(key, default: shared)),
      from: hasExperts || file.has(key) ? .key(key) : "feed_forward_length", isComputed: false)
  }

  static func rules(_ family: GraniteMoeHybrid) -> [TensorRule] {
    let layer = "model.layers.{n}"
    let (moe, shared) = ("\(layer).block_sparse_moe", "\(layer).shared_mlp")
    let suffix = family.selection == nil ? "" : "_shexp"
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.attention(heads: family.attention)
      + (family.mamba.map { TensorRule.mamba2("\(layer).mamba", $0) } ?? []) + [
        TensorRule(
          "blk.{n}.ffn_gate_exps.weight", "blk.{n}.ffn_up_exps.weight", as: "\(moe).input_linear.weight",
          .gateAndUp(experts: family.selection?.expertCount ?? 0)),
        TensorRule("blk.{n}.ffn_down_exps.weight", as: "\(moe).output_linear.weight"),
        TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(moe).router.layer.weight"),
        TensorRule(
          "blk.{n}.ffn_gate\(suffix).weight", "blk.{n}.ffn_up\(suffix).weight", as: "\(shared).input_linear.weight",
          .gateAndUp(experts: nil)),
        TensorRule("blk.{n}.ffn_down\(suffix).weight", as: "\(shared).output_linear.weight"),
      ]
  }

  static func architecture(of family: GraniteMoeHybrid) -> String? {
    if family.mamba != nil { return "granitehybrid" }
    return family.selection == nil ? "granite" : "granitemoe"
  }

  static func describe(_ family: GraniteMoeHybrid, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention, in: family.mamba == nil ? nil : family.isMamba.map { !$0 })
    metadata["attention.scale"] = .number(Double(family.attentionScale))
    metadata["expert_shared_feed_forward_length"] = family.sharedWidth == 0 ? nil : .count(family.sharedWidth)
    metadata["ssm.inner_size"] = family.mamba.map { .count($0.inner) }
    if let rotary = family.rotary {
      metadata.rotary(rotary)
    } else {
      metadata["rope.scaling.finetuned"] = .bool(false)
      metadata["rope.dimension_count"] = .count(family.attention.headDimension)
    }
  }

  static func obstacle(_ family: GraniteMoeHybrid) -> String? {
    if let mamba = family.mamba { return mamba.obstacle(width: family.frame.width) }
    return family.selection != nil && family.rotary == nil ? "models without positions" : nil
  }
}

/// Bamba, whose files are among those of Granite: without their own configuration they are read as such.
enum BambaDialect: Dialect {
  static let architectures: [String] = []
  static let fields: [DialectField<Bamba>] =
    DialectField.frame() + DialectField.mamba { $0.mamba } + [
      .count("feed_forward_length", "intermediate_size") { $0.hidden }
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "bamba", from: .architecture)
    let keyHeads = try file.attention(into: &config)
    let indices = keyHeads.indices.filter { keyHeads[$0] > 0 }
    config.set("attn_layer_indices", .array(indices.map(JSONValue.integer)), from: "attention.head_count_kv")
    try file.mamba2(into: &config)
    file.flag("mlp_bias", hasInLayers: "ffn_up.bias", into: &config)
    try file.rotary(into: &config)
    let rotated = try file.count("rope.dimension_count")
    config.set("attn_rotary_emb", .integer(rotated), from: "rope.dimension_count", isComputed: false)
  }

  static func rules(_ family: Bamba) -> [TensorRule] {
    let layer = "model.layers.{n}"
    return TensorRule.frame(norm: "model.final_layernorm") + TensorRule.layerNorms(second: "pre_ff_layernorm")
      + TensorRule.attention(heads: family.attention, rotated: family.rotary.dimension)
      + TensorRule.mamba2("\(layer).mamba", family.mamba)
      + TensorRule.feedForward("\(layer).feed_forward")
  }

  static func architecture(of family: Bamba) -> String? { "granitehybrid" }

  static func describe(_ family: Bamba, in metadata: inout DialectMetadata) {
    metadata.attention(family.attention, in: (0..<family.layerCount).map(family.attentionLayers.contains))
    metadata.rotary(family.rotary)
    metadata["rope.scaling.finetuned"] = .bool(true)
    metadata["ssm.inner_size"] = .count(family.mamba.inner)
  }

  static func obstacle(_ family: Bamba) -> String? {
    family.mamba.obstacle(width: family.frame.width) ?? family.rotary.obstacle
  }
}
