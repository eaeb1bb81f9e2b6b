internal import InferCore

/// A short convolution, causal and depthwise, whose taps are those of the channel and others that every head of every row has of
/// its own, and whose input is added to its output (Inkling 2): `scale · (x + Σ (static + dynamic) · x[−lag])`.
struct DynamicConvolution: Sendable {
  /// `[taps × channels]`, from the row itself backwards. The first is one more than on disk, which adds the row.
  let weight: [Float]
  let heads: Int
  let headDimension: Int
  let taps: Int
  let scale: Float
  private var history: StateHandle

  /// Reads `static_weight`, `[taps × heads · headDimension]`, and declares the state: the last `taps − 1` rows.
  ///
  /// - Parameters:
  ///   - weights: the scope of the convolution.
  ///   - heads: the number of heads of all ranks.
  ///   - part: those of the rank.
  ///   - headDimension: the width of a head.
  ///   - taps: the number of taps.
  ///   - scale: the factor on the output.
  ///   - state: the layout that gets the state.
  init(
    _ weights: WeightScope, heads: Int, part: Range<Int>, headDimension: Int, taps: Int, scale: Float,
    state: inout StateLayout
  ) throws(ModelError) {
    let channels = heads * headDimension
    let values = try weights.floats("static_weight", shape: [taps, channels])
    let own = part.columns(headDimension)
    weight = (0..<taps).flatMap { tap in own.map { values[tap * channels + $0] + (tap == 0 ? 1 : 0) } }
    self.heads = part.count
    self.headDimension = headDimension
    self.taps = taps
    self.scale = scale
    history = state.add(.recurrent(count: (taps - 1) * part.count * headDimension), stage: weights.stage)
  }

  /// The same convolution with a state of its own, which a stage has.
  func withOwnState(_ state: inout StateLayout, stage: Int) -> Self {
    var copy = self
    copy.history = state.add(.recurrent(count: (taps - 1) * heads * headDimension), stage: stage)
    return copy
  }

  /// The map to the taps of some heads, `weight_proj`, `[heads · taps × width]`.
  static func taps(_ weights: WeightScope, heads: Int, part: Range<Int>, taps: Int) -> Linear.Part {
    Linear.Part(weights["weight_proj"], output: heads * taps, rows: [part.columns(taps)], role: .exact)
  }

  /// Convolves all rows of the step.
  ///
  /// - Parameters:
  ///   - x: `[step rows × (heads · headDimension + heads · taps)]`: the channels, and behind them the rows' own taps.
  ///   - out: `[step rows × heads · headDimension]`.
  ///   - step: the step.
  func apply(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let (weight, taps, width, scale) = (weight, taps, headDimension, scale)
    let channels = heads * width
    recurrence(x, state: history, parts: heads, into: &out, step) { head, x, out, state in
      let first = head * width
      for row in 0..<x.count {
        let values = x[row]
        var target = out.row(row)
        for column in 0..<width {
          let own = values[first + column]
          var sum = own * (weight[first + column] + values[channels + head * taps])
          for lag in 1..<max(1, taps) {
            let factor = weight[lag * channels + first + column] + values[channels + head * taps + lag]
            sum += factor * state[(lag - 1) * width + column]
          }
          target[column] = scale * sum
          for lag in stride(from: taps - 2, to: 0, by: -1) {
            state[lag * width + column] = state[(lag - 1) * width + column]
          }
          if taps > 1 { state[column] = own }
        }
      }
    }
  }
}
