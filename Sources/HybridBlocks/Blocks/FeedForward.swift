internal import InferCore

/// A feed-forward network: SwiGLU, or ReLU² without a gate.
struct FeedForward: Mixer {
  /// Gate and up side by side, or up alone.
  let first: Linear
  let second: Linear
  let activation: Experts.Activation

  /// Reads a SwiGLU network under the names of Llama: `gate_proj`, `up_proj`, `down_proj`.
  static func swiGLU(_ weights: WeightScope, width: Int, hidden: Int, bias: Bool = false) throws(ModelError) -> Self {
    FeedForward(
      first: try Linear(
        [.init(weights["gate_proj"], output: hidden), .init(weights["up_proj"], output: hidden)], input: width,
        bias: bias),
      second: try Linear(weights["down_proj"], input: hidden, output: width, bias: bias, role: .down),
      activation: .siluGated)
  }

  /// Reads a ReLU² network: `up_proj`, `down_proj`.
  static func reluSquared(
    _ weights: WeightScope, width: Int, hidden: Int, bias: Bool = false
  ) throws(ModelError) -> Self {
    FeedForward(
      first: try Linear(weights["up_proj"], input: width, output: hidden, bias: bias),
      second: try Linear(weights["down_proj"], input: hidden, output: width, bias: bias, role: .down),
      activation: .reluSquared)
  }

  var letter: Character { "F" }

  func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var inner = step.take(rows: x.count, columns: first.outputWidth)
    first.apply(x, into: &inner, step)
    switch activation {
    case .siluGated:
      var hidden = step.take(rows: x.count, columns: first.outputWidth / 2)
      siluGated(inner.rows, into: &hidden, step)
      second.apply(hidden.rows, into: &out, step)
    case .reluSquared:
      InferCore.reluSquared(&inner, step)
      second.apply(inner.rows, into: &out, step)
    }
  }
}
