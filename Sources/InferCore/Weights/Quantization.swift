/// The formats that quantising a model gives its weights: one for its matrices and one for its head.
///
/// Vectors, convolutions, routers and other weights that are no large matrices become 32-bit floats.
public struct Quantization: Sendable, Equatable {
  /// The format of linear layers, experts and embeddings.
  package let format: WeightFormat
  /// The format of the head, and of the embedding of models that use it as their head.
  package let headFormat: WeightFormat
  /// Whether half of the value and down projections, which lose most, get Q6_K instead of ``format``.
  package let isMix: Bool

  /// The name of the mix of Q4_K and Q6_K.
  public static let mixName = "Q4_K_M"
  /// The names of all formats that are written, and mixes.
  public static let names = WeightFormat.writable.map(\.name) + [mixName]

  /// Quantisation to a format, or the mix, of this name in upper or lower case; `nil` for other names.
  ///
  /// - Parameters:
  ///   - name: one of ``names``.
  ///   - head: the head's format; by default Q6_K where `name` has fewer bits, for every logit passes through it, and
  ///     else as the other matrices.
  package init?(named name: String, head: WeightFormat? = nil) {
    isMix = name.uppercased() == Self.mixName
    guard let format = isMix ? .q4_K : WeightFormat(named: name) else { return nil }
    self.format = format
    let hasFewBits = format.isQuantized && format != .q8_0
    headFormat = head ?? (hasFewBits ? .q6_K : format)
  }
}

extension WeightFormat {
  /// The writable format of this name in upper or lower case.
  public init?(named name: String) {
    guard let format = Self.writable.first(where: { $0.name == name.uppercased() }) else { return nil }
    self = format
  }
}

/// The role of a matrix in its model, which decides how it is quantised.
public enum MatrixRole: Sendable, Equatable {
  /// Any linear layer that is not named below.
  case linear
  /// The value projection of an attention layer.
  case value
  /// The way back from a feed-forward network's or an expert's inner width.
  case down
  /// The table of tokens.
  case embedding
  /// The map to logits, which may be the table of tokens as well.
  case head
  /// Small and sensitive, such as a router: in 32-bit floats, unless it is quantised already.
  case exact
  /// Stays as it is, because it is taken apart or turned before it is multiplied with.
  case stored
}
