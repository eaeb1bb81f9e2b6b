public import InferCore

/// Root-mean-square norm with a weight per column.
public struct RMSNorm: Sendable {
  let weight: [Float]
  let epsilon: Float

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
    rmsNormHeads(&x, weight: weight, epsilon: epsilon, step)
  }
}
