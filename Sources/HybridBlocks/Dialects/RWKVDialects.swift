internal import InferCore
internal import InferText

// llama.cpp's files of RWKV 6, RWKV 7 and ARWKV 7.

extension DialectField {
  /// The keys that all of RWKV have.
  fileprivate static func rwkv(epsilon: DialectField, headSize: (name: String, value: @Sendable (Family) -> Int))
    -> [Self]
  {
    let value = headSize.value
    return [
      .count("embedding_length", "hidden_size") { $0.frame.width },
      .count("context_length", "max_position_embeddings") { $0.frame.contextLength },
      .count("wkv.head_size", headSize.name) { value($0) }, epsilon,
    ]
  }

  /// Widths of the bottlenecks of RWKV 7's time mix.
  fileprivate static func bottlenecks(_ shape: @escaping @Sendable (Family) -> TimeMix7.Shape) -> [Self] {
    [
      .count("attention.decay_lora_rank", "decay_low_rank_dim") { shape($0).decayRank },
      .count("attention.iclr_lora_rank", "a_low_rank_dim") { shape($0).learningRank },
      .count("attention.value_residual_mix_lora_rank", "v_low_rank_dim") { shape($0).valueRank },
    ]
  }
}

/// RWKV 6.
enum RWKV6Dialect: Dialect {
  static let architectures = ["rwkv6"]
  static let fields: [DialectField<RWKV6>] =
    DialectField.rwkv(
      epsilon: .number("attention.layer_norm_epsilon", "layer_norm_epsilon") { $0.frame.epsilon },
      headSize: ("head_size", { $0.timeMix.headSize })) + [
      .count("feed_forward_length", "intermediate_size") { $0.hidden },
      .count("time_mix_extra_dim", "time_mix_extra_dim") { $0.timeMix.mixRank },
      .count("time_decay_extra_dim", "time_decay_extra_dim") { $0.timeMix.decayRank },
      .count("rescale_every_n_layers", "halved_every", optional: true) { $0.halvingPeriod },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "rwkv6", from: .architecture)
  }

  static func rules(_ family: RWKV6) -> [TensorRule] {
    let (layer, row) = ("rwkv.blocks.{n}", [1, 1, family.frame.width])
    let (mixer, network) = ("\(layer).attention", "\(layer).feed_forward")
    let maps = ["receptance", "key", "value", "gate", "output"].map {
      TensorRule("blk.{n}.time_mix_\($0).weight", as: "\(mixer).\($0).weight")
    }
    let mixes = ["w", "k", "v", "r", "g", "x"].map {
      TensorRule("blk.{n}.time_mix_lerp_\($0).weight", as: "\(mixer).time_maa_\($0)", .flattened(here: row))
    }
    let networkMixes = ["k", "r"].map {
      TensorRule("blk.{n}.channel_mix_lerp_\($0).weight", as: "\(network).time_maa_\($0)", .flattened(here: row))
    }
    let networkMaps = ["receptance", "key", "value"].map {
      TensorRule("blk.{n}.channel_mix_\($0).weight", as: "\(network).\($0).weight")
    }
    return [
      TensorRule("token_embd.weight", as: "rwkv.embeddings.weight"),
      TensorRule("token_embd_norm.{s}", as: "rwkv.blocks.0.pre_ln.{s}"),
      TensorRule("output_norm.{s}", as: "rwkv.ln_out.{s}"), TensorRule("output.weight", as: "head.weight"),
      TensorRule("blk.{n}.attn_norm.{s}", as: "\(layer).ln1.{s}"),
      TensorRule("blk.{n}.attn_norm_2.{s}", as: "\(layer).ln2.{s}"),
      TensorRule("blk.{n}.time_mix_w1.weight", as: "\(mixer).time_maa_w1", .turned(as: "mix_down.weight")),
      TensorRule("blk.{n}.time_mix_w2.weight", as: "\(mixer).time_maa_w2", .turned(as: "mix_up.weight")),
      TensorRule("blk.{n}.time_mix_decay_w1.weight", as: "\(mixer).time_decay_w1", .turned(as: "decay_down.weight")),
      TensorRule("blk.{n}.time_mix_decay_w2.weight", as: "\(mixer).time_decay_w2", .turned(as: "decay_up.weight")),
      TensorRule("blk.{n}.time_mix_decay.weight", as: "\(mixer).time_decay", .flattened(here: row)),
      TensorRule("blk.{n}.time_mix_first.weight", as: "\(mixer).time_faaaa"),
      TensorRule("blk.{n}.time_mix_ln.{s}", as: "\(mixer).ln_x.{s}"),
      TensorRule(
        "blk.{n}.time_mix_lerp_fused.weight", as: "\(mixer).time_maa_{e}", .parts(["w", "k", "v", "r", "g"])),
    ] + mixes + maps + networkMixes + networkMaps
  }

  static func describe(_ family: RWKV6, in metadata: inout DialectMetadata) {
    metadata["attention.head_count"] = .count(0)
  }

  static func obstacle(_ family: RWKV6) -> String? {
    family.headEpsilon == 64e-5 ? nil : "ε of \(family.headEpsilon) in the norms of heads"
  }
}

/// RWKV 7.
enum RWKV7Dialect: Dialect {
  static let architectures = ["rwkv7"]
  static let fields: [DialectField<RWKV7>] =
    DialectField.rwkv(
      epsilon: .number("attention.layer_norm_epsilon", "norm_eps") { $0.frame.epsilon },
      headSize: ("head_dim", { $0.timeMix.headSize })) + DialectField.bottlenecks { $0.timeMix } + [
      .count("feed_forward_length", "intermediate_size") { $0.hidden },
      .count("attention.gate_lora_rank", "gate_low_rank_dim") { $0.timeMix.gateRank },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "rwkv7", from: .architecture)
    config.set("head_norm_eps", .number(64e-5), from: .architecture)
  }

  static func rules(_ family: RWKV7) -> [TensorRule] {
    let layer = "model.layers.{n}"
    return [
      TensorRule("token_embd.weight", as: "model.embeddings.weight"),
      TensorRule("token_embd_norm.{s}", as: "model.layers.0.pre_norm.{s}"),
      TensorRule("output_norm.{s}", as: "model.norm.{s}"), TensorRule("output.weight", as: "lm_head.weight"),
      TensorRule("blk.{n}.attn_norm.{s}", as: "\(layer).attn_norm.{s}"),
      TensorRule("blk.{n}.attn_norm_2.{s}", as: "\(layer).ffn_norm.{s}"),
      TensorRule("blk.{n}.channel_mix_lerp_k.weight", as: "\(layer).ffn.x_k"),
      TensorRule("blk.{n}.channel_mix_key.weight", as: "\(layer).ffn.key.weight"),
      TensorRule("blk.{n}.channel_mix_value.weight", as: "\(layer).ffn.value.weight"),
      TensorRule("blk.{n}.time_mix_k_k.weight", as: "\(layer).attn.k_k"),
      TensorRule("blk.{n}.time_mix_k_a.weight", as: "\(layer).attn.k_a"),
    ] + firstValues("\(layer.replacing("{n}", with: "0")).attn")
      + TensorRule.timeMix7("\(layer).attn", family.timeMix, heads: family.frame.width / family.timeMix.headSize)
  }

  /// llama.cpp asks the first layer for what it has no use for, as converters write it: its own learning rates.
  private static func firstValues(_ mixer: String) -> [TensorRule] {
    [("0", "lora.2.bias"), ("1", "lora.0.weight"), ("2", "lora.2.weight")].map { part, name in
      TensorRule(
        "blk.0.time_mix_a\(part).weight", "blk.0.time_mix_v\(part).weight", as: "\(mixer).a_lora.\(name)", .repeated)
    }
  }

  static func describe(_ family: RWKV7, in metadata: inout DialectMetadata) {
    metadata["attention.head_count"] = .count(0)
  }

  static func obstacle(_ family: RWKV7) -> String? {
    if !family.normsEmbedding { return "embedding without a norm" }
    let epsilon = family.timeMix.headEpsilon ?? 0
    return epsilon == 64e-5 ? nil : "ε of \(epsilon) in the norms of heads"
  }
}

/// ARWKV 7, whose files are read and not written.
enum ARWKV7Dialect: Dialect {
  static let architectures = ["arwkv7"]
  static let fields: [DialectField<RWKVHybrid>] =
    DialectField.rwkv(
      epsilon: .number("attention.layer_norm_rms_epsilon", "rms_norm_eps") { $0.frame.epsilon },
      headSize: ("head_size", { $0.timeMix.headSize })) + DialectField.bottlenecks { $0.timeMix } + [
      .count("feed_forward_length", "intermediate_size") { $0.hidden }
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "rwkv_hybrid", from: .architecture)
    config.set("wkv_version", 7, from: .architecture)
    file.flag("wkv_has_gate", hasInLayers: "time_mix_g1.weight", into: &config)
    file.flag("wkv_has_group_norm", hasInLayers: "time_mix_ln.weight", into: &config)
    let rank = try file.count("attention.gate_lora_rank", default: 0)
    if rank > 0 { config.set("gate_low_rank_dim", .integer(rank), from: "attention.gate_lora_rank") }
  }

  static func rules(_ family: RWKVHybrid) -> [TensorRule] {
    let (mixer, row) = ("model.layers.{n}.self_attn.time_mixer", [1, 1, family.frame.width])
    return TensorRule.frame() + TensorRule.layerNorms() + TensorRule.feedForward() + [
      TensorRule("blk.{n}.time_mix_k_k.weight", as: "\(mixer).k_k", .flattened(here: row)),
      TensorRule("blk.{n}.time_mix_k_a.weight", as: "\(mixer).k_a", .flattened(here: row)),
    ] + TensorRule.timeMix7(mixer, family.timeMix, heads: family.frame.width / family.timeMix.headSize)
  }

  static func architecture(of family: RWKVHybrid) -> String? { nil }

  static func describe(_ family: RWKVHybrid, in metadata: inout DialectMetadata) {}
}

extension TensorRule {
  /// RWKV 7's time mix under some prefix.
  fileprivate static func timeMix7(_ prefix: String, _ shape: TimeMix7.Shape, heads: Int) -> [TensorRule] {
    let bottlenecks = ["w", "a", "v", "g"].flatMap { name in
      [
        TensorRule("blk.{n}.time_mix_\(name)0.weight", as: "\(prefix).\(name)_lora.lora.2.bias"),
        TensorRule("blk.{n}.time_mix_\(name)1.weight", as: "\(prefix).\(name)_lora.lora.0.weight"),
        TensorRule("blk.{n}.time_mix_\(name)2.weight", as: "\(prefix).\(name)_lora.lora.2.weight"),
      ]
    }
    let maps = [("receptance", "r"), ("key", "k"), ("value", "v"), ("output", "o")].map {
      TensorRule("blk.{n}.time_mix_\($0).weight", as: "\(prefix).\($1)_proj.weight")
    }
    let mixes = ["r", "w", "k", "v", "a"] + (shape.gateRank == nil ? [] : ["g"])
    return bottlenecks + maps + [
      TensorRule("blk.{n}.time_mix_ln.{s}", as: "\(prefix).g_norm.{s}"),
      TensorRule("blk.{n}.time_mix_r_k.weight", as: "\(prefix).r_k", .flattened(here: [heads, shape.headSize])),
      TensorRule("blk.{n}.time_mix_lerp_fused.weight", as: "\(prefix).x_{e}", .parts(mixes)),
    ]
  }
}
