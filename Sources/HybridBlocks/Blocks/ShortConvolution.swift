public import InferCore

/// The gated short convolution of LFM2: `out = W · (C ∘ conv(B ∘ x))`, where one projection of the input gives B, C and
/// x, and the convolution is causal, depthwise and without activation.
public struct ShortConvolution: Mixer {
  /// Rows in the order B, C, x.
  let input: Linear
  let output: Linear
  /// `[taps × width]`.
  let convolution: [Float]
  let convolutionBias: [Float]?
  let width: Int
  let taps: Int
  let history: StateHandle

  /// Reads `in_proj`, `conv` and `out_proj`, and declares the layer's state: the last `taps − 1` products of B and x.
  ///
  /// - Parameters:
  ///   - weights: The layer's weights.
  ///   - width: The number of channels.
  ///   - taps: The number of taps of the convolution.
  ///   - bias: `true` when the projections and the convolution have biases.
  ///   - state: The model's state, to which the layer's is added.
  public init(
    _ weights: WeightScope, width: Int, taps: Int, bias: Bool, state: inout StateLayout
  ) throws(ModelError) {
    self.width = width
    self.taps = taps
    input = try Linear(weights["in_proj"], input: width, output: 3 * width, bias: bias)
    output = try Linear(weights["out_proj"], input: width, output: width, bias: bias)
    convolution = try weights.convolution("conv.weight", channels: width, taps: taps)
    convolutionBias = bias ? try weights.vector("conv.bias", count: width) : nil
    history = state.add(.recurrent(count: (taps - 1) * width), stage: weights.stage)
  }

  /// `C`
  public var letter: Character { "C" }

  /// Computes the mixer on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var projected = step.take(rows: x.count, columns: 3 * width)
    input.apply(x, into: &projected, step)
    let rows = projected.rows
    var gated = step.take(rows: x.count, columns: width)
    multiply(rows.columns(0..<width), rows.columns(2 * width..<3 * width), into: &gated, step)
    var convolved = step.take(rows: x.count, columns: width)
    causalConvolution(
      gated.rows, weight: convolution, bias: convolutionBias, taps: taps, silu: false, history: history,
      into: &convolved, step)
    multiply(&convolved, by: rows.columns(width..<2 * width), step)
    output.apply(convolved.rows, into: &out, step)
  }
}
