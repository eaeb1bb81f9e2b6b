internal import InferCore

/// A gate by which a row takes up a message: `(1 − f) ∘ x + g ∘ m`, with `f` and `g` the hyperbolic tangents of maps of the row and
/// the message, each normalised, through a bottleneck (the loop of Inkling 2).
struct MessageGate: Sendable {
  private let norm: RMSNorm
  private let down: Linear
  /// To `f`, then to `g`.
  private let up: Linear

  /// Reads `down_proj`, `[rank × 2 · width]`, `forget_gate_proj` and `message_gate_proj`, `[width × rank]`.
  init(_ weights: WeightScope, width: Int, rank: Int, epsilon: Float) throws(ModelError) {
    norm = RMSNorm(unweighted: width, epsilon: epsilon)
    down = try Linear(weights["down_proj"], input: 2 * width, output: rank, role: .exact)
    up = try Linear(
      ["forget_gate_proj", "message_gate_proj"].map { .init(weights[$0], output: width, role: .exact) }, input: rank)
  }

  /// Changes all rows of `x`, `[step rows × width]`.
  func apply(to x: inout MutableRows, message: Rows, _ step: borrowing Step) {
    let width = x.columns
    var both = step.take(rows: x.count, columns: 2 * width)
    normalize(x.rows, into: &both, 0..<width, step)
    normalize(message, into: &both, width..<2 * width, step)
    var inner = step.take(rows: x.count, columns: down.outputWidth)
    down.apply(both.rows, into: &inner, step)
    var gates = step.take(rows: x.count, columns: 2 * width)
    up.apply(inner.rows, into: &gates, step)
    softCap(&gates, 1, step)
    var kept = step.take(rows: x.count, columns: width)
    assign(1, to: &kept, step)
    add(gates.rows.columns(0..<width), scale: -1, to: &kept, step)
    multiply(&x, by: kept.rows, step)
    addProduct(message, gates.rows.columns(width..<2 * width), to: &x, step)
  }

  private func normalize(_ x: Rows, into both: inout MutableRows, _ columns: Range<Int>, _ step: borrowing Step) {
    var half = both.columns(columns)
    norm.apply(x, into: &half, step)
  }
}
