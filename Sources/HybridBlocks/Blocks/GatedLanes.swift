internal import InferCore

/// A mean of the lanes of a residual stream, each after a norm of its own and times a gate for each column, which a low-rank map
/// of all lanes makes (low-rank hyper-connections, Qwen4-Exp): `x = mean(σ(U silu(D n / lanes)) · n)` with `n = norm(h)`. Lanes
/// get what a block makes of it by the weights `2 σ(W n / lanes)`.
struct GatedLanes: LaneConnection {
  let norm: LaneNorm
  /// D and U.
  let gates: (down: Linear, up: Linear)
  /// W; `nil` where nothing is written.
  let weights: Linear?

  /// Reads `hc_norm`, `[lanes · width]`, `input_mix_weight_down`, `[rank × lanes · width]`, `input_mix_weight_up`,
  /// `[lanes · width × rank]`, and where lanes are written `block_inject_weight`, `[lanes × lanes · width]`.
  init(
    _ scope: WeightScope, lanes: Int, width: Int, rank: Int, epsilon: Float, writes: Bool = true
  ) throws(ModelError) {
    let all = lanes * width
    norm = try LaneNorm(scope["hc_norm"], lanes: lanes, width: width, epsilon: epsilon)
    gates = (
      try Linear(scope["input_mix_weight_down"], input: all, output: rank),
      try Linear(scope["input_mix_weight_up"], input: rank, output: all)
    )
    weights = writes ? try Linear(scope["block_inject_weight"], input: all, output: lanes, role: .exact) : nil
  }

  var lanes: Int { norm.lanes.count }

  func read(_ stream: Rows, into x: inout MutableRows, factors: inout MutableRows, _ step: borrowing Step) {
    var normed = step.take(rows: stream.count, columns: stream.columns)
    norm.apply(stream, into: &normed, step)
    if let weights {
      weights.apply(normed.rows, into: &factors, step)
      scale(&factors, by: 1 / Float(lanes), step)
      sigmoid(&factors, step)
      scale(&factors, by: 2, step)
    }
    mean(&normed, into: &x, step)
  }

  /// The mean of lanes after their norm.
  private func mean(_ normed: inout MutableRows, into x: inout MutableRows, _ step: borrowing Step) {
    var low = step.take(rows: normed.count, columns: gates.down.outputWidth)
    gates.down.apply(normed.rows, into: &low, step)
    scale(&low, by: 1 / Float(lanes), step)
    silu(&low, step)
    var gate = step.take(rows: normed.count, columns: normed.columns)
    gates.up.apply(low.rows, into: &gate, step)
    sigmoidGate(&normed, gate: gate.rows, step)
    var shares = step.take(rows: normed.count, columns: lanes)
    assign(1 / Float(lanes), to: &shares, step)
    addLanes(normed.rows, weights: shares.rows, into: &x, step)
  }
}

/// Lanes that begin alike and end as a gated mean.
struct GatedLaneMean: StreamLanes {
  let lanes: GatedLanes

  var count: Int { lanes.lanes }

  func begin(_ stream: inout MutableRows, _ step: borrowing Step) { copyFirst(&stream, step) }

  func end(_ stream: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var none = step.take(rows: stream.count, columns: 0)
    lanes.read(stream, into: &out, factors: &none, step)
  }
}
