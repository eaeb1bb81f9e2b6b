internal import InferCore
internal import InferText

/// A key of a GGUF file's metadata, behind the architecture's prefix, and of `config.json`.
struct DialectField<Family: ModelFamily>: Sendable {
  /// The type of a value.
  enum Kind: Sendable { case count, number, flag }

  let key: String
  let name: String
  let kind: Kind
  /// Whether the family has a value for files that lack it.
  let isOptional: Bool
  /// The value in a model's file; `nil` for none.
  let value: @Sendable (Family) -> GGUFValue?

  static func count(
    _ key: String, _ name: String, optional: Bool = false, _ value: @escaping @Sendable (Family) -> Int?
  ) -> DialectField {
    DialectField(key: key, name: name, kind: .count, isOptional: optional) { value($0).map(GGUFValue.count) }
  }

  static func number(
    _ key: String, _ name: String, optional: Bool = false, _ value: @escaping @Sendable (Family) -> Float?
  ) -> DialectField {
    DialectField(key: key, name: name, kind: .number, isOptional: optional) { value($0).map { .number(Double($0)) } }
  }

  static func flag(
    _ key: String, _ name: String, optional: Bool = false, _ value: @escaping @Sendable (Family) -> Bool?
  ) -> DialectField {
    DialectField(key: key, name: name, kind: .flag, isOptional: optional) { value($0).map(GGUFValue.bool) }
  }

  /// Reads the value of a file into a configuration.
  func read(_ file: GGUFDescription, into config: inout Configuration) throws(ModelError) {
    if isOptional && !file.has(key) {
      config.name(name, from: .key(key), isComputed: false)
    } else {
      config.set(name, try value(in: file), from: .key(key), isComputed: false)
    }
  }

  private func value(in file: GGUFDescription) throws(ModelError) -> JSONValue {
    switch kind {
    case .count: .integer(try file.count(key))
    case .number: .number(try file.number(key))
    case .flag: .bool(try file.flag(key))
    }
  }
}

extension DialectField {
  /// The keys of nearly all architectures.
  static func frame(epsilon: String = "rms_norm_eps") -> [DialectField] {
    [
      .count("embedding_length", "hidden_size") { $0.frame.width },
      .count("context_length", "max_position_embeddings") { $0.frame.contextLength },
      .number("attention.layer_norm_rms_epsilon", epsilon) { $0.frame.epsilon },
    ]
  }

  /// Granite's factors, given that of branches; `nil` for models that have none.
  static func granite(_ residualScale: @escaping @Sendable (Family) -> Float?) -> [DialectField] {
    [
      .number("embedding_scale", "embedding_multiplier", optional: true) { family in
        residualScale(family).map { _ in family.frame.embeddingScale }
      },
      .number("logit_scale", "logits_scaling", optional: true) { family in
        residualScale(family).map { _ in 1 / family.frame.logitScale }
      },
      .number("residual_scale", "residual_multiplier", optional: true, residualScale),
    ]
  }

  /// Mamba-2 layers, under the names of Granite.
  static func mamba(_ shape: @escaping @Sendable (Family) -> Mamba2.Shape?) -> [DialectField] {
    [
      .count("ssm.conv_kernel", "mamba_d_conv", optional: true) { shape($0)?.taps },
      .count("ssm.state_size", "mamba_d_state", optional: true) { shape($0)?.stateSize },
      .count("ssm.time_step_rank", "mamba_n_heads", optional: true) { shape($0)?.heads },
      .count("ssm.group_count", "mamba_n_groups", optional: true) { shape($0)?.groups },
    ]
  }
}
