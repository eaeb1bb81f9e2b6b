public import InferCore

/// The two ends of a residual stream of several lanes side by side: what the lanes begin as, and the one that they end as.
public protocol StreamLanes: Sendable {
  /// The number of lanes, at least one.
  var count: Int { get }

  /// Fills the lanes behind the first, which holds the embedded tokens.
  ///
  /// - Parameters:
  ///   - stream: `[step rows × lanes · width]`.
  ///   - step: the step.
  func begin(_ stream: inout MutableRows, _ step: borrowing Step)

  /// Makes one of the lanes behind the last layer.
  ///
  /// - Parameters:
  ///   - stream: `[rows × lanes · width]`, of rows whose logits or hidden states are wanted.
  ///   - out: `[rows × width]`.
  ///   - step: the step.
  func end(_ stream: Rows, into out: inout MutableRows, _ step: borrowing Step)
}
