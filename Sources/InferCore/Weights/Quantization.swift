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
  /// The importance of the columns of matrices; `nil` where all count alike.
  public var importance: ImportanceMatrix?

  /// The name of the mix of Q4_K and Q6_K.
  public static let mixName = "Q4_K_M"
  /// The names of all formats that are written without an importance matrix, and mixes.
  public static let names = WeightFormat.writable.map(\.name) + [mixName]
  /// The names of the formats that need an importance matrix.
  public static let namesOfImportance = WeightFormat.weighted.map(\.name)

  /// Quantisation to a format, or the mix, of this name in upper or lower case; `nil` for other names.
  ///
  /// - Parameters:
  ///   - name: one of ``names`` or ``namesOfImportance``.
  ///   - head: the head's format; by default Q6_K where `name` has fewer bits, for every logit passes through it, and
  ///     else as the other matrices.
  package init?(named name: String, head: WeightFormat? = nil) {
    isMix = name.uppercased() == Self.mixName
    guard let format = isMix ? .q4_K : WeightFormat(named: name) else { return nil }
    self.format = format
    let hasFewBits = format.isQuantized && format != .q8_0
    headFormat = head ?? (hasFewBits ? .q6_K : format)
  }

  /// Whether it is of use with an importance matrix only.
  package var needsImportance: Bool { format.needsImportance || headFormat.needsImportance }

  /// The format of a table of tokens that is no head. Its rows are looked up, so that no columns are known to matter: a
  /// format that asks which do gives way to one that does not, as in files of `llama-quantize`.
  var embeddingFormat: WeightFormat {
    guard format.needsImportance else { return format }
    return [.iq3_XXS, .iq2_S].contains(format) ? .iq3_S : .q2_K
  }
}

extension WeightFormat {
  /// The format of this name in upper or lower case, of those that weights can be quantised to.
  public init?(named name: String) {
    guard let format = (Self.writable + Self.weighted).first(where: { $0.name == name.uppercased() }) else {
      return nil
    }
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
