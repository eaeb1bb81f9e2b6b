internal import InferCore

// Families speak of `config.json`. A user of a GGUF file has none, and wants to know which of its keys is meant.

extension Dialect {
  /// The key of the metadata, with the architecture's prefix where it has one, that a key of the translated configuration
  /// was made of, or `nil` for what is made of the tensors.
  ///
  /// - Parameter key: what an error names: a key, its path, or several that mean the same.
  static func metadataKey(of key: String, in file: GGUFDescription) -> String? {
    for name in key.split(separator: " ").filter({ $0 != "or" }) {
      let name = String(name.split(separator: ".").last ?? name)
      let keys = fields.filter { $0.name == name }.map(\.key) + (completed[name] ?? [])
      if let key = keys.first(where: file.has) ?? keys.first { return "\(file.architecture).\(key)" }
    }
    return key == "eos_token_id" ? "tokenizer.ggml.eos_token_id" : nil
  }
}

extension Dialect {
  /// Of which keys most dialects make what in ``complete(_:from:)``; of several, the first that the file has.
  static var completed: [String: [String]] {
    [
      "num_hidden_layers": ["block_count"], "num_attention_heads": ["attention.head_count"],
      "num_key_value_heads": ["attention.head_count_kv"], "head_dim": ["attention.key_length", "attention.head_count"],
      "attention_multiplier": ["attention.scale"], "layer_types": ["attention.head_count_kv"],
      "attn_layer_period": ["attention.head_count_kv"], "attn_layer_offset": ["attention.head_count_kv"],
      "rope_theta": ["rope.freq_base"], "partial_rotary_factor": ["rope.dimension_count"],
      "rope_parameters": ["rope.scaling.type"], "rope_scaling": ["rope.scaling.type"],
      "rope_type": ["rope.scaling.type"],
      "factor": ["rope.scaling.factor", "rope.scale_linear"],
      "original_max_position_embeddings": ["rope.scaling.original_context_length"],
      "beta_fast": ["rope.scaling.yarn_beta_fast"], "beta_slow": ["rope.scaling.yarn_beta_slow"],
      "attention_factor": ["rope.scaling.attn_factor"], "mscale": ["rope.scaling.yarn_log_multiplier"],
      "mscale_all_dim": ["rope.scaling.yarn_log_multiplier"], "mamba_d_head": ["ssm.inner_size"],
      "mamba_head_dim": ["ssm.inner_size"], "mamba_expand": ["ssm.inner_size"],
      "linear_value_head_dim": ["ssm.inner_size"],
      "num_heads": ["ssm.time_step_rank"], "time_step_rank": ["ssm.time_step_rank"],
      "shared_intermediate_size": ["expert_shared_feed_forward_length"],
      "num_shared_expert": ["expert_shared_feed_forward_length"],
      "num_shared_experts": ["expert_shared_feed_forward_length"],
      "norm_topk_prob": ["expert_weights_norm"], "topk_method": ["expert_group_count"],
      "q_lora_rank": ["attention.q_lora_rank"], "qk_rope_head_dim": ["rope.dimension_count"],
      "qk_nope_head_dim": ["attention.key_length_mla"], "v_head_dim": ["attention.value_length_mla"],
    ]
  }
}

extension GGUFModel {
  /// An error, told of the metadata where it is about a configuration that was made of them.
  func explained(_ error: ModelError) -> ModelError {
    guard case .configuration(let key, let reason) = error, isTranslated, let dialect else { return error }
    let place = dialect.metadataKey(of: key, in: description)
    return .malformed(
      path: description.path, reason: "\(place.map { "metadata \($0)" } ?? "its metadata"), as \(key): \(reason)")
  }
}
