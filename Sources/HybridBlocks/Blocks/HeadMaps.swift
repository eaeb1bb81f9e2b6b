internal import InferCore

/// A linear map of each head's channels by itself, or of one head the usual map.
struct HeadMaps: Sendable {
  private enum Maps: Sendable {
    case one(Linear)
    case several([PackedMatrix])
  }

  private let maps: Maps
  private let widths: (input: Int, output: Int)

  /// The map of one head, from so many columns.
  init(_ map: Linear, input: Int) {
    maps = .one(map)
    widths = (input, map.outputWidth)
  }

  /// Reads those of some heads of `weight`, `[heads × output × input]`.
  init(_ weights: WeightScope, _ part: Range<Int>, of heads: Int, input: Int, output: Int) throws(ModelError) {
    maps = .several(try weights.matrices("weight", part, of: heads, rows: output, columns: input))
    widths = (input, output)
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
