internal import InferCore
internal import InferText

// What several dialects have in common.

extension TensorRule {
  /// Embedding, last norm and head.
  static func frame(norm: String = "model.norm") -> [TensorRule] {
    [
      TensorRule("token_embd.weight", as: "model.embed_tokens.weight"),
      TensorRule("output_norm.weight", as: "\(norm).weight"), TensorRule("output.weight", as: "lm_head.weight"),
    ]
  }

  /// Projections of an attention layer under some prefix; where `heads` are given, query and key rows lie in pairs, those
  /// that are `rotated` or all.
  static func attention(
    _ prefix: String = "model.layers.{n}.self_attn", heads: Attention.Shape? = nil, rotated: Int? = nil,
    output: String = "o_proj"
  ) -> [TensorRule] {
    func form(_ count: Int?) -> TensorRule.Form { count.map { .pairs(heads: $0, rotated: rotated) } ?? .same }
    return [
      TensorRule("blk.{n}.attn_q.{s}", as: "\(prefix).q_proj.{s}", form(heads?.queryHeads)),
      TensorRule("blk.{n}.attn_k.{s}", as: "\(prefix).k_proj.{s}", form(heads?.keyHeads)),
      TensorRule("blk.{n}.attn_v.{s}", as: "\(prefix).v_proj.{s}"),
      TensorRule("blk.{n}.attn_output.{s}", as: "\(prefix).\(output).{s}"),
    ]
  }

  /// Norms of query and key heads.
  static func headNorms(
    _ prefix: String = "model.layers.{n}.self_attn", query: String = "q_norm", key: String = "k_norm"
  ) -> [TensorRule] {
    [
      TensorRule("blk.{n}.attn_q_norm.weight", as: "\(prefix).\(query).weight"),
      TensorRule("blk.{n}.attn_k_norm.weight", as: "\(prefix).\(key).weight"),
    ]
  }

  /// The two norms of a transformer's layer.
  static func layerNorms(second: String = "post_attention_layernorm") -> [TensorRule] {
    [
      TensorRule("blk.{n}.attn_norm.weight", as: "model.layers.{n}.input_layernorm.weight"),
      TensorRule("blk.{n}.ffn_norm.weight", as: "model.layers.{n}.\(second).weight"),
    ]
  }

  /// A gated feed-forward network, or with another suffix a shared expert.
  static func feedForward(_ prefix: String = "model.layers.{n}.mlp", suffix: String = "") -> [TensorRule] {
    ["gate", "up", "down"].map {
      TensorRule("blk.{n}.ffn_\($0)\(suffix).{s}", as: "\(prefix).\($0)_proj.{s}")
    }
  }

  /// Experts that stand one by one in the family and in stacks in the file.
  static func experts(
    _ count: Int, _ prefix: String = "model.layers.{n}.mlp.experts", names: [String] = ["gate", "up", "down"]
  ) -> [TensorRule] {
    names.map { TensorRule("blk.{n}.ffn_\($0)_exps.weight", as: "\(prefix).{e}.\($0)_proj.weight", .experts(count)) }
  }

  /// A bias that experts are chosen with: files have it with and without a suffix.
  static func selectionBias(_ name: String) -> [TensorRule] {
    [TensorRule("blk.{n}.exp_probs_b.bias", as: name), TensorRule("blk.{n}.exp_probs_b", as: name)]
  }

  /// A Mamba layer under some prefix.
  static func mamba1(_ prefix: String) -> [TensorRule] {
    ["in": "in_proj", "x": "x_proj", "dt": "dt_proj", "out": "out_proj"].sorted { $0.key < $1.key }.map {
      TensorRule("blk.{n}.ssm_\($0).{s}", as: "\(prefix).\($1).{s}")
    } + [
      TensorRule("blk.{n}.ssm_conv1d.weight", as: "\(prefix).conv1d.weight", .convolution),
      TensorRule("blk.{n}.ssm_conv1d.bias", as: "\(prefix).conv1d.bias"),
      TensorRule("blk.{n}.ssm_a", as: "\(prefix).A_log", .rates(isColumn: false)),
      TensorRule("blk.{n}.ssm_d", as: "\(prefix).D"),
    ]
  }

  /// A Mamba-2 layer under some prefix.
  static func mamba2(_ prefix: String, _ shape: Mamba2.Shape) -> [TensorRule] {
    [
      TensorRule("blk.{n}.ssm_in.{s}", as: "\(prefix).in_proj.{s}"),
      TensorRule("blk.{n}.ssm_conv1d.weight", as: "\(prefix).conv1d.weight", .convolution),
      TensorRule("blk.{n}.ssm_conv1d.bias", as: "\(prefix).conv1d.bias"),
      TensorRule("blk.{n}.ssm_dt.bias", as: "\(prefix).dt_bias"),
      TensorRule("blk.{n}.ssm_a", as: "\(prefix).A_log", .rates(isColumn: true)),
      TensorRule("blk.{n}.ssm_d", as: "\(prefix).D", .vector(inFile: [shape.heads, 1])),
      TensorRule(
        "blk.{n}.ssm_norm.weight", as: "\(prefix).norm.weight",
        .vector(inFile: [shape.groups, shape.inner / shape.groups])),
      TensorRule("blk.{n}.ssm_out.{s}", as: "\(prefix).out_proj.{s}"),
    ]
  }
}

/// What experts are scored by, as `expert_gating_func` numbers it.
enum ExpertGating: Int {
  case softmax = 1
  case sigmoid = 2

  /// As metadata.
  var value: GGUFValue { .count(rawValue) }
}

extension GGUFDescription {
  /// Heads, and the width of a head.
  ///
  /// - Returns: the number of key and value heads of each layer; 0 for layers that are no attention.
  @discardableResult func attention(into config: inout JSONValue) throws(ModelError) -> [Int] {
    let layers = try count("block_count")
    let heads = try counts("attention.head_count", layers: layers).max() ?? 0
    let keyHeads = try counts("attention.head_count_kv", layers: layers, default: heads)
    guard heads > 0 else { throw wrong("attention.head_count", "0", "a count above 0") }
    guard let most = keyHeads.max(), keyHeads.allSatisfy({ $0 == most || $0 == 0 }) else {
      throw wrong("attention.head_count_kv", "\(keyHeads)", "one count, and 0 for layers without attention")
    }
    let width = try count("embedding_length")
    let headDimension = try count("attention.key_length", default: width / heads)
    let valueDimension = try count("attention.value_length", default: headDimension)
    guard valueDimension == headDimension else {
      throw wrong("attention.value_length", "\(valueDimension)", "\(headDimension) as attention.key_length")
    }
    config["num_attention_heads"] = .integer(heads)
    config["num_key_value_heads"] = .integer(most)
    config["head_dim"] = .integer(headDimension)
    if hasInLayers("attn_q.bias") { config["attention_bias"] = true }
    return keyHeads
  }

  /// The factor on scores; files have 0 or nothing for the usual one.
  func attentionScale(into config: inout JSONValue) throws(ModelError) {
    let scale = try number("attention.scale", default: 0)
    let headDimension = Double(config["head_dim"]?.int ?? 1)
    config["attention_multiplier"] = .number(scale == 0 ? 1 / headDimension.squareRoot() : scale)
  }

  /// Whether experts are chosen with a bias; see ``TensorRule/selectionBias(_:)``.
  var hasSelectionBias: Bool { hasInLayers("exp_probs_b.bias") || hasInLayers("exp_probs_b") }

  /// How many experts of some width the shared one stands for; one where the file does not tell its width.
  func sharedExperts(width: Int) throws(ModelError) -> Int {
    let shared = try count("expert_shared_feed_forward_length", default: width)
    guard width > 0, shared % width == 0 else {
      throw wrong("expert_shared_feed_forward_length", "\(shared)", "a multiple of the experts' \(width)")
    }
    return shared / width
  }

  /// What Mamba-2 layers are besides their sizes, under the names of Granite.
  func mamba2(into config: inout JSONValue) throws(ModelError) {
    config["mamba_d_head"] = .integer(try mambaHeadDimension())
    config["mamba_conv_bias"] = .bool(hasInLayers("ssm_conv1d.bias"))
    config["mamba_proj_bias"] = .bool(hasInLayers("ssm_in.bias"))
  }

  /// Channels of a head of Mamba-2.
  func mambaHeadDimension() throws(ModelError) -> Int {
    let heads = try count("ssm.time_step_rank")
    let inner = try count("ssm.inner_size")
    guard heads > 0, inner % heads == 0 else {
      throw wrong("ssm.inner_size", "\(inner)", "a multiple of ssm.time_step_rank \(heads)")
    }
    return inner / heads
  }

  /// Rotary positions of heads of some width.
  func rotary(into config: inout JSONValue, theta: Double = 10_000) throws(ModelError) {
    var parameters: JSONValue = ["rope_theta": .number(try number("rope.freq_base", default: theta))]
    let headDimension = config["head_dim"]?.int ?? 0
    let rotated = try count("rope.dimension_count", default: headDimension)
    if rotated != headDimension && headDimension > 0 {
      parameters["partial_rotary_factor"] = .number(Double(rotated) / Double(headDimension))
    }
    try scaling(of: &parameters)
    config["rope_parameters"] = parameters
  }

  /// How positions are stretched: by a kind with its numbers, or by a factor for each pair that the file holds as a tensor.
  private func scaling(of parameters: inout JSONValue) throws(ModelError) {
    if let factors = try factors("rope_freqs.weight") {
      parameters["short_factor"] = factors
      parameters["long_factor"] = factors
      // Where both are alike, it does not matter from where on the second counts.
      parameters["original_max_position_embeddings"] = .integer(try count("context_length"))
    } else if let short = try factors("rope_factors_short.weight"), let long = try factors("rope_factors_long.weight") {
      parameters["short_factor"] = short
      parameters["long_factor"] = long
      parameters["original_max_position_embeddings"] = .integer(try count("rope.scaling.original_context_length"))
    }
    if parameters["short_factor"] != nil {
      parameters["rope_type"] = "longrope"
      parameters["attention_factor"] = .number(try number("rope.scaling.attn_factor", default: 1))
      return
    }
    // A factor alone is linear. Files from before there were kinds have it under a key of its own; 0 is none.
    let key = !has("rope.scaling.factor") && has("rope.scale_linear") ? "rope.scale_linear" : "rope.scaling.factor"
    let kind = try string("rope.scaling.type", default: try number(key, default: 0) == 0 ? "none" : "linear")
    switch kind {
    case "none": parameters["rope_type"] = "default"
    case "linear", "yarn":
      parameters["rope_type"] = .string(kind)
      parameters["factor"] = .number(try number(key))
    default: throw wrong("rope.scaling.type", "\"\(kind)\"", "none, linear or yarn")
    }
    guard kind == "yarn" else { return }
    parameters["original_max_position_embeddings"] = .integer(try count("rope.scaling.original_context_length"))
    for (key, name) in [("yarn_beta_fast", "beta_fast"), ("yarn_beta_slow", "beta_slow")] {
      if has("rope.scaling.\(key)") { parameters[name] = .number(try number("rope.scaling.\(key)")) }
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

  /// Tensors that say what the configuration says.
  static let configuring: Set<String> = ["rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"]
}
