public import InferCore

/// A norm of rows, before a mixer, behind it, or before the head.
public protocol Norm: Sendable {
  /// Normalises every row of `x`, `[rows × width]`.
  func apply(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step)
}

extension RMSNorm: Norm {}

/// Layer norm: rows lose their mean and are divided by their standard deviation, then get a weight per column, and a bias
/// where there is one.
public struct LayerNorm: Norm {
  let weight: [Float]
  let bias: [Float]?
  let epsilon: Float

  /// Reads `weight`, `[width]`, and with `bias` as well `bias`, `[width]`.
  public init(_ weights: WeightScope, width: Int, epsilon: Float, bias: Bool = false) throws(ModelError) {
    weight = try weights.vector("weight", count: width)
    self.bias = bias ? try weights.vector("bias", count: width) : nil
    self.epsilon = epsilon
  }

  /// Normalises every row of `x`, `[rows × width]`.
  public func apply(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    layerNorm(x, weight: weight, bias: bias, epsilon: epsilon, into: &out, step)
  }
}

/// The kind of the norms of a residual stream.
public enum NormKind: Sendable {
  /// ``RMSNorm``.
  case rootMeanSquare
  /// ``LayerNorm``, with a bias or without.
  case layer(bias: Bool)
}
