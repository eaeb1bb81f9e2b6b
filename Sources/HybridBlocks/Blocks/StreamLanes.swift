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

extension StreamLanes {
  /// Has all lanes begin as the first.
  func copyFirst(_ stream: inout MutableRows, _ step: borrowing Step) {
    let width = stream.columns / count
    var first = step.take(rows: stream.count, columns: width)
    assign(stream.rows.columns(0..<width), scale: 1, to: &first, step)
    for lane in 1..<count {
      var target = stream.columns(lane * width..<(lane + 1) * width)
      assign(first.rows, scale: 1, to: &target, step)
    }
  }
}
