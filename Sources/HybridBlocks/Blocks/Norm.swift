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

/// Rows as they are, where there is no norm.
struct NoNorm: Norm {
  /// Copies every row of `x`.
  func apply(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) { assign(x, scale: 1, to: &out, step) }
}

/// Norms of the lanes of a residual stream, each by itself.
struct LaneNorm: Sendable {
  let lanes: [RMSNorm]

  /// Reads `weight`, `[lanes · width]`.
  init(_ weights: WeightScope, lanes: Int, width: Int, epsilon: Float) throws(ModelError) {
    let weight = try weights.vector("weight", count: lanes * width)
    self.lanes = (0..<lanes).map { lane in
      RMSNorm(weight: Array(weight[lane * width..<(lane + 1) * width]), epsilon: epsilon)
    }
  }

  /// Normalises every lane of every row of `x`, `[rows × lanes · width]`.
  func apply(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let width = x.columns / lanes.count
    for (lane, norm) in lanes.enumerated() {
      let columns = lane * width..<(lane + 1) * width
      var target = out.columns(columns)
      norm.apply(x.columns(columns), into: &target, step)
    }
  }
}

/// The kind of the norms of a residual stream.
public enum NormKind: Sendable {
  /// None: rows stay as they are.
  case none
  /// ``RMSNorm``.
  case rootMeanSquare
  /// ``LayerNorm``, with a bias or without.
  case layer(bias: Bool)
}
