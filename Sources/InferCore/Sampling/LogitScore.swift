/// Measures of texts by rows of logits, and of rows by each other, for judging models.
public enum LogitScore {
  /// The logarithm of the probability that the row gives `token`; `nil` when the row is no distribution: it holds NaN,
  /// +∞, or nothing but −∞.
  ///
  /// - Precondition: `token` is an index of the row.
  /// - Complexity: O(n).
  public static func logProbability(of token: Int32, in row: Span<Float>) -> Double? {
    RowReduction.maximum(row).map { maximum in
      Double(row[Int(token)]) - Double(RowReduction.logSumExp(row, maximum: maximum))
    }
  }

  /// The Kullback–Leibler divergence of the row's distribution q from the reference's p, in nats: Σ p ln(p / q); `nil`
  /// when one of the two is no distribution. +∞ when the row excludes what the reference allows.
  ///
  /// - Precondition: rows are equally long.
  /// - Complexity: O(n).
  public static func divergence(of row: Span<Float>, from reference: Span<Float>) -> Double? {
    precondition(row.count == reference.count, "a row of \(row.count) logits against one of \(reference.count)")
    guard let maximum = RowReduction.maximum(row), let top = RowReduction.maximum(reference) else { return nil }
    return RowReduction.divergence(row, maximum: maximum, from: reference, maximum: top)
  }

  /// The index of the largest logit, the first of equals; `nil` when the row is no distribution.
  public static func mostLikely(_ row: Span<Float>) -> Int? {
    guard let maximum = RowReduction.maximum(row) else { return nil }
    return RowReduction.index(of: maximum...maximum, in: row)
  }
}
