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

  /// The first index from `start` on whose value is in the range.
  static func index(of range: ClosedRange<Float>, in row: Span<Float>, from start: Int = 0) -> Int? {
    let index = unsafe row.withUnsafeBufferPointer {
      unsafe ck_row_next($0.baseAddress, start, $0.count, range.lowerBound, range.upperBound)
    }
    return index < row.count ? index : nil
  }

  /// The number of ranges of sizes that ``sumBySize(_:_:step:into:)`` tells apart.
  static let sizeCount = Int(CK_ROW_BUCKETS)

  /// Adds up values by size: `masses[i]` is the sum of those whose bits are in step `i` of `bits`, each of `1 << step`. Steps
  /// are at most ``sizeCount``, the length of `masses`, of which the rest becomes 0. No value is negative.
  static func sumBySize(_ row: Span<Float>, _ bits: ClosedRange<UInt32>, step: Int, into masses: inout [Double]) {
    let steps = (bits.count - 1) >> step + 1
    precondition(masses.count == sizeCount && steps <= sizeCount, "\(steps) steps, \(masses.count) sums")
    for index in steps..<sizeCount { masses[index] = 0 }
    unsafe masses.withUnsafeMutableBufferPointer { masses in
      unsafe row.withUnsafeBufferPointer {
        unsafe ck_row_histogram($0.baseAddress, $0.count, bits.lowerBound, Int32(step), steps, masses.baseAddress)
      }
    }
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
