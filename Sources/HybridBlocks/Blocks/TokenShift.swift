internal import InferCore

/// The difference of the row before each token and its own, with the last row of a sequence as state. Before the first there
/// are zeros.
struct TokenShift: Sendable {
  /// Of the row before, then of the row itself.
  let taps: [Float]
  let history: StateHandle

  /// Declares the state of a layer that a stage has: a row.
  init(width: Int, state layout: inout StateLayout, stage: Int) {
    taps = Array(repeating: 1, count: width) + Array(repeating: -1, count: width)
    history = layout.add(.recurrent(count: width), stage: stage)
  }

  /// Computes the difference of every row of `x`, `[step rows × width]`.
  func apply(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    causalConvolution(x, weight: taps, bias: nil, taps: 2, silu: false, history: history, into: &out, step)
  }
}
