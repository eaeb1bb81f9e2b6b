internal import InferCore
internal import InferText

/// Gemma 4's text models. Layers with windows have heads of their own length.
enum Gemma4Dialect: Dialect {
  static let architectures = ["gemma4"]
  static let fields: [DialectField<Gemma4>] =
    DialectField.frame() + [
      .number("final_logit_softcapping", "final_logit_softcapping", optional: true) { $0.frame.logitCap },
      .count("embedding_length_per_layer_input", "hidden_size_per_layer_input") { $0.layerInput.width },
      .count("expert_used_count", "top_k_experts", optional: true) { $0.mixture?.selection.topK },
      .count("expert_count", "num_experts", optional: true) { $0.mixture?.selection.expertCount },
      .count("expert_feed_forward_length", "moe_intermediate_size", optional: true) { $0.mixture?.width },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "gemma4_text", from: .architecture)
    try file.windows(into: &config) { ($0 + 1) % 6 != 0 }
    try heads(of: &config, file)
    try file.sharingLayers(into: &config, default: 0)
    try networks(of: &config, file)
    file.layerInputs(into: &config)
  }

  private static func heads(of config: inout Configuration, _ file: GGUFDescription) throws(ModelError) {
    let isWindowed = config.windowedLayers
    let heads = try file.count("attention.head_count")
    let keyHeads = try file.counts("attention.head_count_kv", where: isWindowed, default: heads)
    let whole = try file.count("attention.key_length")
    let windowed = try file.count("attention.key_length_swa", default: whole)
    for (key, length) in [
      ("attention.value_length", whole), ("rope.dimension_count", whole), ("attention.value_length_swa", windowed),
      ("rope.dimension_count_swa", windowed),
    ] {
      let value = try file.count(key, default: length)
      guard value == length else { throw file.wrong(key, "\(value)", "\(length) as the length of keys") }
    }
    config.set("num_attention_heads", .integer(heads), from: "attention.head_count", isComputed: false)
    config.set("num_key_value_heads", .integer(keyHeads.windowed), from: "attention.head_count_kv", isComputed: false)
    config.set("head_dim", .integer(windowed), from: "attention.key_length_swa", isComputed: false)
    config.set("global_head_dim", .integer(whole), from: "attention.key_length", isComputed: false)
    // Where values are keys, there is no map to them.
    let valuesAreKeys = isWindowed.indices.contains { layer in
      !isWindowed[layer] && file.tensors["blk.\(layer).attn_k.weight"] != nil
        && file.tensors["blk.\(layer).attn_v.weight"] == nil
    }
    config.set("attention_k_eq_v", .bool(valuesAreKeys), from: .tensor("attn_v.weight"))
    guard valuesAreKeys || keyHeads.whole == keyHeads.windowed else {
      throw file.wrong("attention.head_count_kv", "\(keyHeads)", "one count for all layers with maps to values")
    }
    config.set("num_global_key_value_heads", .integer(keyHeads.whole), from: "attention.head_count_kv")
    try file.rotaryOfKinds(
      file.turningPairs(of: whole / 2), theta: (whole: 1_000_000, windowed: 10_000), into: &config)
  }

  private static func networks(of config: inout Configuration, _ file: GGUFDescription) throws(ModelError) {
    let key = "feed_forward_length"
    let layers = config.windowedLayers.count
    let widths = try file.counts(key, layers: layers)
    let sharing = config["num_kv_shared_layers"]?.int ?? 0
    let (first, last) = (widths.first ?? 0, widths.last ?? 0)
    let isWidened = first != last
    let expected = widths.indices.map { isWidened && $0 >= layers - sharing ? last : first }
    guard widths == expected, !isWidened || first <= ConfigReader.largestSize && last == 2 * first else {
      throw file.wrong(key, "\(widths)", "one length, or two times that in layers with others' keys")
    }
    config.set("intermediate_size", .integer(first), from: .key(key), isComputed: false)
    config.set("use_double_wide_mlp", .bool(isWidened), from: .key(key))
    let experts = try file.count("expert_count", default: 0)
    config.set("enable_moe_block", .bool(experts > 0), from: "expert_count")
  }

  static func rules(_ family: Gemma4) -> [TensorRule] {
    let (layer, heads) = ("model.layers.{n}", "model.layers.{n}.self_attn")
    return TensorRule.frame() + TensorRule.attention(heads) + TensorRule.headNorms(heads) + TensorRule.outputNorms()
      + TensorRule.layerNorms(second: "pre_feedforward_layernorm") + TensorRule.feedForward()
      + TensorRule.layerInputs() + [
        TensorRule("blk.{n}.layer_output_scale.weight", as: "\(layer).layer_scalar"),
        TensorRule("blk.{n}.post_ffw_norm_1.weight", as: "\(layer).post_feedforward_layernorm_1.weight"),
        TensorRule("blk.{n}.pre_ffw_norm_2.weight", as: "\(layer).pre_feedforward_layernorm_2.weight"),
        TensorRule("blk.{n}.post_ffw_norm_2.weight", as: "\(layer).post_feedforward_layernorm_2.weight"),
        TensorRule("blk.{n}.ffn_gate_inp.weight", as: "\(layer).router.proj.weight"),
        TensorRule("blk.{n}.ffn_gate_inp.scale", as: "\(layer).router.scale"),
        TensorRule("blk.{n}.ffn_gate_up_exps.weight", as: "\(layer).experts.gate_up_proj"),
        TensorRule("blk.{n}.ffn_gate_exps.weight", as: "\(layer).experts.gate_proj"),
        TensorRule("blk.{n}.ffn_up_exps.weight", as: "\(layer).experts.up_proj"),
        TensorRule("blk.{n}.ffn_down_exps.weight", as: "\(layer).experts.down_proj"),
        TensorRule("blk.{n}.ffn_down_exps.scale", as: "\(layer).router.per_expert_scale"),
      ]
  }

  static func describe(_ family: Gemma4, in metadata: inout DialectMetadata) {
    let (whole, windowed) = (family.attention.whole, family.attention.windowed)
    metadata.attention(whole)
    if whole.keyHeads != windowed.keyHeads {
      metadata["attention.head_count_kv"] = .counts(
        family.isWindowed.map { $0 ? windowed.keyHeads : whole.keyHeads })
    }
    metadata["attention.key_length_swa"] = .count(windowed.headDimension)
    metadata["attention.value_length_swa"] = .count(windowed.headDimension)
    metadata["attention.shared_kv_layers"] = .count(family.layerCount - family.firstSharing)
    metadata.windows(family.isWindowed.map { $0 ? windowed.window : nil })
    metadata["feed_forward_length"] =
      family.widensSharing
      ? .counts((0..<family.layerCount).map { $0 < family.firstSharing ? family.hidden : 2 * family.hidden })
      : .count(family.hidden)
    metadata.rotary(family.rotary.whole)
    metadata["rope.freq_base_swa"] = .number(family.rotary.windowed.frequencies.base)
    metadata["rope.dimension_count_swa"] = .count(family.rotary.windowed.dimension)
  }

  static func obstacle(_ family: Gemma4) -> String? {
    if family.isInside { return "place for what sees images beside the text model" }
    return family.attention.whole.bias ? "biases in attention" : family.rotary.windowed.obstacle
  }
}

extension GGUFDescription {
  /// The share of pairs that turn in layers that see everything: files have divisors, of which those of other pairs are huge.
  fileprivate func turningPairs(of pairs: Int) throws(ModelError) -> [String: JSONValue] {
    guard let tensor = tensors["rope_freqs.weight"] else { return [:] }
    let divisors = try tensor.floats()
    let turning = divisors.prefix { $0 == 1 }.count
    guard divisors.count == pairs, pairs > 0, divisors.dropFirst(turning).allSatisfy({ $0 >= 1e20 }) else {
      throw .tensor(
        name: tensor.name, reason: "holds other divisors than \(pairs), each 1 or, behind those, 1e30")
    }
    return ["rope_type": "proportional", "partial_rotary_factor": .number(Double(turning) / Double(pairs))]
  }

  /// The number of last layers that see the keys of earlier ones, which older files have as a number with a point.
  func sharingLayers(into config: inout Configuration, default fallback: Int) throws(ModelError) {
    let key = "attention.shared_kv_layers"
    let number = try number(key, default: Double(fallback))
    guard let count = Int(exactly: number), count >= 0 else { throw wrong(key, "\(number)", "a count") }
    config.set("num_kv_shared_layers", .integer(count), from: .key(key), isComputed: false)
  }

  /// The number of tokens that have inputs of layers.
  func layerInputs(into config: inout Configuration) {
    let name = "per_layer_token_embd.weight"
    guard let rows = tensors[name]?.shape.first else { return }
    config.set("vocab_size_per_layer_input", .integer(rows), from: .tensor(name))
  }
}

extension TensorRule {
  /// The tables and maps of layers' own inputs.
  static func layerInputs() -> [TensorRule] {
    let layer = "model.layers.{n}"
    return [
      TensorRule("per_layer_token_embd.weight", as: "model.embed_tokens_per_layer.weight"),
      TensorRule("per_layer_model_proj.weight", as: "model.per_layer_model_projection.weight"),
      TensorRule("per_layer_proj_norm.weight", as: "model.per_layer_projection_norm.weight"),
      TensorRule("blk.{n}.inp_gate.weight", as: "\(layer).per_layer_input_gate.weight"),
      TensorRule("blk.{n}.proj.weight", as: "\(layer).per_layer_projection.weight"),
      TensorRule("blk.{n}.post_norm.weight", as: "\(layer).post_per_layer_input_norm.weight"),
    ]
  }
}
