internal import InferCore

/// A linear map through a bottleneck, `W₂ f(W₁ x) + b`.
struct LowRankMap: Sendable {
  /// The function between the two maps.
  enum Activation: Sendable { case none, tanh, sigmoid }

  let down: Linear
  let up: Linear
  let activation: Activation

  /// Reads `lora.0.weight`, `[rank × input]`, `lora.2.weight`, `[output × rank]`, and with `bias` as well `lora.2.bias`; of
  /// the last two, some of the outputs.
  init(
    _ weights: WeightScope, input: Int, rank: Int, output: Int, part: Range<Int>, _ activation: Activation,
    bias: Bool = true, role: MatrixRole = .stored
  ) throws(ModelError) {
    down = try Linear(weights["lora"][0], input: input, output: rank, role: role)
    up = try Linear([.init(weights["lora"][2], output: output, rows: [part], role: role)], input: rank, bias: bias)
    self.activation = activation
  }

  /// Maps every row.
  func apply(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var inner = step.take(rows: x.count, columns: down.outputWidth)
    down.apply(x, into: &inner, step)
    switch activation {
    case .none: break
    case .tanh: softCap(&inner, 1, step)
    case .sigmoid: sigmoid(&inner, step)
    }
    up.apply(inner.rows, into: &out, step)
  }
}
