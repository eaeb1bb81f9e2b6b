internal import InferCore
internal import InferText

// Parts of configurations that several dialects have in common.

/// The function that scores experts, by its number under `expert_gating_func`.
enum ExpertScoring: Int {
  case softmax = 1
  case sigmoid = 2

  /// The number, for metadata.
  var value: GGUFValue { .count(rawValue) }
}

extension GGUFDescription {
  /// Heads, and the width of a head.
  ///
  /// - Returns: the number of key and value heads of each layer; 0 for layers that are no attention.
  @discardableResult func attention(into config: inout Configuration) throws(ModelError) -> [Int] {
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
    config.set("num_attention_heads", .integer(heads), from: "attention.head_count", isComputed: false)
    config.set("num_key_value_heads", .integer(most), from: "attention.head_count_kv", isComputed: false)
    let hasLength = has("attention.key_length")
    config.set(
      "head_dim", .integer(headDimension), from: hasLength ? "attention.key_length" : "attention.head_count",
      isComputed: !hasLength)
    if hasInLayers("attn_q.bias") { flag("attention_bias", hasInLayers: "attn_q.bias", into: &config) }
    return keyHeads
  }

  /// The factor on scores; files have 0 or nothing for the usual one.
  func attentionScale(into config: inout Configuration) throws(ModelError) {
    let scale = try number("attention.scale", default: 0)
    let headDimension = Double(config["head_dim"]?.int ?? 1)
    config.set(
      "attention_multiplier", .number(scale == 0 ? 1 / headDimension.squareRoot() : scale), from: "attention.scale",
      isComputed: scale == 0)
  }

  /// Whether experts are chosen with a bias; see ``TensorRule/selectionBias(_:)``.
  var hasSelectionBias: Bool { hasInLayers("exp_probs_b.bias") || hasInLayers("exp_probs_b") }

  /// The number of experts of some width that make up the shared one; one where the file does not tell its width.
  func sharedExperts(width: Int) throws(ModelError) -> Int {
    let shared = try count("expert_shared_feed_forward_length", default: width)
    guard width > 0, shared % width == 0 else {
      throw wrong("expert_shared_feed_forward_length", "\(shared)", "a multiple of the experts' \(width)")
    }
    return shared / width
  }

  /// The head dimension and the biases of Mamba-2 layers, under the names of Granite.
  func mamba2(into config: inout Configuration) throws(ModelError) {
    config.set("mamba_d_head", .integer(try mambaHeadDimension()), from: "ssm.inner_size")
    flag("mamba_conv_bias", hasInLayers: "ssm_conv1d.bias", into: &config)
    flag("mamba_proj_bias", hasInLayers: "ssm_in.bias", into: &config)
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

  /// Tensors that are part of the configuration.
  static let configuring: Set<ExactText> = [
    "rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight",
  ]
}
