import InferKit

/// A mixer of its own: `down(silu(gate(x)) · up(x))`.
struct Gate: Mixer {
  let inner: Linear
  let down: Linear
  let hidden: Int

  init(_ weights: WeightScope, width: Int, hidden: Int) throws(ModelError) {
    inner = try Linear(
      [.init(weights["gate_proj"], output: hidden), .init(weights["up_proj"], output: hidden)], input: width,
      bias: weights.has("gate_proj.bias"))
    down = try Linear(
      weights["down_proj"], input: hidden, output: width, bias: weights.has("down_proj.bias"), role: .down)
    self.hidden = hidden
  }

  var letter: Character { "F" }

  func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var both = step.take(rows: x.count, columns: 2 * hidden)
    inner.apply(x, into: &both, step)
    var gated = step.take(rows: x.count, columns: hidden)
    siluGated(both.rows, into: &gated, step)
    down.apply(gated.rows, into: &out, step)
  }
}
