internal import InferCore
internal import InferText

extension GGUFDescription {
  /// Rotary positions of heads of some width.
  func rotary(into config: inout Configuration, theta: Double = 10_000) throws(ModelError) {
    let base = try number("rope.freq_base", default: theta)
    config.name("rope_parameters", from: "rope.freq_base")
    config.set("rope_parameters.rope_theta", .number(base), from: "rope.freq_base", isComputed: false)
    let headDimension = config["head_dim"]?.int ?? 0
    let rotated = try count("rope.dimension_count", default: headDimension)
    if rotated != headDimension && headDimension > 0 {
      config.set(
        "rope_parameters.partial_rotary_factor", .number(Double(rotated) / Double(headDimension)),
        from: "rope.dimension_count")
    }
    try scaling(into: &config)
  }

  /// The stretching of positions: a kind with its numbers, or a factor for each pair, in a tensor.
  private func scaling(into config: inout Configuration) throws(ModelError) {
    if let factors = try factors("rope_freqs.weight") {
      // Where both are alike, it does not matter from where on the second counts.
      let start = try count("context_length")
      config.set("rope_parameters.original_max_position_embeddings", .integer(start), from: "context_length")
      return try divided(short: factors, long: factors, "rope_freqs.weight", "rope_freqs.weight", into: &config)
    }
    if let short = try factors("rope_factors_short.weight"), let long = try factors("rope_factors_long.weight") {
      try originalLength(into: &config)
      return try divided(
        short: short, long: long, "rope_factors_short.weight", "rope_factors_long.weight", into: &config)
    }
    // A factor alone is linear. Files from before there were kinds have it under a key of its own; 0 is none.
    let key = !has("rope.scaling.factor") && has("rope.scale_linear") ? "rope.scale_linear" : "rope.scaling.factor"
    let kind = try string("rope.scaling.type", default: try number(key, default: 0) == 0 ? "none" : "linear")
    guard ["none", "linear", "yarn"].contains(kind) else {
      throw wrong("rope.scaling.type", "\"\(kind)\"", "none, linear or yarn")
    }
    let origin: Configuration.Source = has("rope.scaling.type") ? "rope.scaling.type" : .key(key)
    config.set("rope_parameters.rope_type", .string(kind == "none" ? "default" : kind), from: origin)
    if kind == "none" { return }
    config.name("rope_parameters", from: origin)
    config.set("rope_parameters.factor", .number(try number(key)), from: .key(key), isComputed: false)
    if kind == "yarn" { try yarn(into: &config) }
  }

  private func originalLength(into config: inout Configuration) throws(ModelError) {
    let key = "rope.scaling.original_context_length"
    config.set(
      "rope_parameters.original_max_position_embeddings", .integer(try count(key)), from: .key(key), isComputed: false)
  }

  /// Divisors of frequencies, one a pair, in tensors of the given names.
  private func divided(
    short: JSONValue, long: JSONValue, _ shortName: String, _ longName: String, into config: inout Configuration
  ) throws(ModelError) {
    config.name("rope_parameters", from: .tensor(shortName))
    config.set("rope_parameters.rope_type", "longrope", from: .tensor(shortName))
    config.set("rope_parameters.short_factor", short, from: .tensor(shortName))
    config.set("rope_parameters.long_factor", long, from: .tensor(longName))
    let factor = try number("rope.scaling.attn_factor", default: 1)
    config.set(
      "rope_parameters.attention_factor", .number(factor), from: "rope.scaling.attn_factor", isComputed: false)
  }

  private func yarn(into config: inout Configuration) throws(ModelError) {
    try originalLength(into: &config)
    for (key, name) in [("yarn_beta_fast", "beta_fast"), ("yarn_beta_slow", "beta_slow")] {
      let key = "rope.scaling.\(key)"
      guard has(key) else { continue }
      config.set("rope_parameters.\(name)", .number(try number(key)), from: .key(key), isComputed: false)
    }
    // YaRN's own factor is what families compute; a further one is in no file that is known.
    for key in ["rope.scaling.attn_factor", "rope.scaling.yarn_attn_factor", "rope.scaling.yarn_ext_factor"] {
      let factor = try number(key, default: 1)
      guard factor == 1 else { throw wrong(key, "\(factor)", "1") }
    }
  }

  /// The factors in a tensor, as a list.
  private func factors(_ name: String) throws(ModelError) -> JSONValue? {
    guard let tensor = tensors[name] else { return nil }
    return .array(try tensor.floats().map { .number(Double($0)) })
  }
}
