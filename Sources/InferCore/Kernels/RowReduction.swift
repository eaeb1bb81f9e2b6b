internal import CKernels
internal import Glibc

/// Whole-row operations on logits.
enum RowReduction {
  /// The largest value of a row; `nil` when the row is empty, holds NaN or +∞, or nothing but −∞.
  static func maximum(_ row: Span<Float>) -> Float? {
    var maximum: Float = 0
    let broken = unsafe row.withUnsafeBufferPointer { unsafe ck_row_max($0.baseAddress, $0.count, &maximum) }
    return broken != 0 || maximum == -.infinity ? nil : maximum
  }

  /// Replaces each value by exp((value − maximum) · scale).
  static func exponentiate(_ row: inout MutableSpan<Float>, maximum: Float, scale: Float) {
    unsafe row.withUnsafeMutableBufferPointer { unsafe ck_row_exp($0.baseAddress, $0.count, maximum, scale) }
  }

  /// The sum of a row.
  static func sum(_ row: Span<Float>) -> Double {
    unsafe row.withUnsafeBufferPointer { unsafe ck_row_sum($0.baseAddress, $0.count) }
  }

  /// The logarithm of the sum of exp(value) over a row whose largest value is `maximum`.
  static func logSumExp(_ row: Span<Float>, maximum: Float) -> Float {
    unsafe row.withUnsafeBufferPointer { unsafe ck_row_log_sum_exp($0.baseAddress, $0.count, maximum) }
  }

  /// The Kullback–Leibler divergence of a row's distribution from that of `reference`, in nats. The two maxima are the
  /// largest values of the rows, which are equally long.
  static func divergence(
    _ row: Span<Float>, maximum: Float, from reference: Span<Float>, maximum referenceMaximum: Float
  ) -> Double {
    var sums = (0.0, 0.0, 0.0)
    unsafe withUnsafeMutableBytes(of: &sums) { sums in
      unsafe reference.withUnsafeBufferPointer { p in
        unsafe row.withUnsafeBufferPointer { q in
          unsafe ck_row_divergence(
            p.baseAddress, q.baseAddress, q.count, referenceMaximum, maximum,
            sums.assumingMemoryBound(to: Double.self).baseAddress)
        }
      }
    }
    // Rounding may leave equal rows a little below 0.
    return max(0, sums.2 / sums.0 - log(sums.0) + log(sums.1))
  }
}
