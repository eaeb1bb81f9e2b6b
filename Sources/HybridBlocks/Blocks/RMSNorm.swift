public import InferCore

/// Root-mean-square norm with a weight per column.
public struct RMSNorm: Sendable {
  let weight: [Float]
  let epsilon: Float
  /// The width of a head, where each has weights of its own; `nil` where all have the same.
  var headDimension: Int?

  /// A norm with the given weights.
  public init(weight: [Float], epsilon: Float) {
    self.weight = weight
    self.epsilon = epsilon
  }

  /// Reads `weight`, `[width]`.
  public init(_ weights: WeightScope, width: Int, epsilon: Float) throws(ModelError) {
    weight = try weights.vector("weight", count: width)
    self.epsilon = epsilon
  }

  /// The norm whose output is a multiple of this one's.
  func scaled(by factor: Float) -> RMSNorm {
    factor == 1 ? self : RMSNorm(weight: weight.map { $0 * factor }, epsilon: epsilon)
  }

  /// The norm of some columns of heads that have weights of their own, or else the same.
  func of(_ columns: Range<Int>) -> RMSNorm {
    guard let headDimension else { return self }
    var norm = RMSNorm(weight: weight.parts([columns]), epsilon: epsilon)
    norm.headDimension = headDimension
    return norm
  }

  /// A norm whose weights are all 1.
  public init(unweighted width: Int, epsilon: Float) {
    weight = Array(repeating: 1, count: width)
    self.epsilon = epsilon
  }

  /// Normalises every row of `x`, `[rows × width]`.
  public func apply(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    rmsNorm(x, weight: weight, epsilon: epsilon, into: &out, step)
  }

  /// Normalises every head of every row by itself, in place.
  public func applyToHeads(of x: inout MutableRows, _ step: borrowing Step) {
    rmsNormHeads(&x, every: headDimension, weight: weight, epsilon: epsilon, step)
  }
}
