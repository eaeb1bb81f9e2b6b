internal import InferCore

/// A linear map of each head's channels by itself, or of one head the usual map.
struct HeadMaps: Sendable {
  private enum Maps: Sendable {
    case one(Linear)
    case several([PackedMatrix])
  }

  private let maps: Maps
  private let widths: (input: Int, output: Int)

  /// Reads `weight`, `[output × input]`, or with several heads `[heads × output × input]`.
  init(_ weights: WeightScope, heads: Int, input: Int, output: Int) throws(ModelError) {
    widths = (input, output)
    if heads == 1 {
      maps = .one(try Linear(weights, input: input, output: output))
    } else {
      maps = .several(try weights.matrices("weight", count: heads, rows: output, columns: input))
    }
  }

  /// Maps the first columns of each head of every row to `[rows × heads · output]`.
  ///
  /// - Parameters:
  ///   - x: `[rows × heads · stride]`.
  ///   - stride: the columns from one head to the next.
  ///   - out: the output.
  ///   - step: the step.
  func apply(_ x: Rows, every stride: Int, into out: inout MutableRows, _ step: borrowing Step) {
    switch maps {
    case .one(let map): map.apply(x.columns(0..<widths.input), into: &out, step)
    case .several(let matrices): matmulHeads(x, every: stride, by: matrices, into: &out, every: widths.output, step)
    }
  }
}
