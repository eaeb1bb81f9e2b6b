internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// Rotary position embedding (Su et al. 2021, arXiv 2104.09864) on half-split pairs: dimension `i` is rotated
/// with dimension `i + d/2` by the angle `position · base^(−2i/d)`.
///
/// Cosines and sines of a position are put together from two tables, one for multiples of 256 and one for the
/// rest, by the addition theorems in double precision: O(d · (256 + context / 256)) memory.
package struct RotaryEmbedding: Sendable {
  /// Dimensions that are rotated.
  package let dimension: Int
  /// Cosine and sine of each frequency, for positions 0 ..< 256 and for multiples of 256.
  private let fine: [Double]
  private let coarse: [Double]

  private static let fineCount = 256

  /// An embedding of `dimension` dimensions for sequences of up to `contextLength` tokens.
  ///
  /// - Precondition: `dimension` is even and positive, `base` positive.
  package init(dimension: Int, base: Double, contextLength: Int) {
    precondition(dimension > 0 && dimension % 2 == 0 && base > 0, "rotary dimension \(dimension), base \(base)")
    self.dimension = dimension
    let frequencies = (0..<dimension / 2).map { pow(base, -2 * Double($0) / Double(dimension)) }
    func table(_ positions: some Sequence<Int>) -> [Double] {
      positions.flatMap { position in
        frequencies.flatMap { [cos(Double(position) * $0), sin(Double(position) * $0)] }
      }
    }
    fine = table(0..<Self.fineCount)
    coarse = table((0...contextLength / Self.fineCount).lazy.map { $0 * Self.fineCount })
  }

  /// The base of the static NTK-aware scaling that Hunyuan models use: `θ · α^(d / (d − 2))`, independent of the
  /// length of the sequence.
  package static func scaledBase(_ base: Double, alpha: Double, dimension: Int) -> Double {
    base * pow(alpha, Double(dimension) / Double(dimension - 2))
  }

  /// Writes `[cosines | sines]`, `dimension` floats, for one position.
  func angles(at position: Int, into out: UnsafeMutablePointer<Float>) {
    let half = dimension / 2
    let (high, low) = (position / Self.fineCount * dimension, position % Self.fineCount * dimension)
    for index in 0..<half {
      let (c, s) = (coarse[high + 2 * index], coarse[high + 2 * index + 1])
      let (fc, fs) = (fine[low + 2 * index], fine[low + 2 * index + 1])
      unsafe out[index] = Float(c * fc - s * fs)
      unsafe out[half + index] = Float(s * fc + c * fs)
    }
  }

  /// Rotates the first ``dimension`` columns of every head of every row, by the row's position in its run.
  ///
  /// - Parameter x: `[step rows × heads · headDimension]`.
  package func rotate(_ x: inout MutableRows, headDimension: Int, angles: Rows, _ step: borrowing Step) {
    precondition(headDimension >= dimension && x.columns % headDimension == 0, "\(x.columns) in \(headDimension)")
    precondition(angles.count == x.count && angles.columns == dimension, "angles for \(angles.count) rows")
    let half = dimension / 2
    forEachRow(x.count, step) { row in
      let cosine = unsafe angles.base + row * angles.stride
      for head in 0..<x.columns / headDimension {
        unsafe ck_rotate_half(x.base + row * x.stride + head * headDimension, cosine, cosine + half, half)
      }
    }
  }

  /// Fills `[step rows × dimension]` with each row's cosines and sines.
  package func fillAngles(_ out: inout MutableRows, _ step: borrowing Step) {
    precondition(out.columns == dimension && out.count == step.plan.tokens.count, "angles of \(out.columns)")
    for run in step.plan.runs {
      forEachRow(run.tokens.count, step) { index in
        unsafe angles(at: run.position + index, into: out.base + (run.tokens.lowerBound + index) * out.stride)
      }
    }
  }
}
