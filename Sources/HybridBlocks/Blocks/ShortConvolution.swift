public import InferCore

/// The gated short convolution of LFM2: `out = W · (C ∘ conv(B ∘ x))`, where one projection of the input gives B, C and
/// x, and the convolution is causal, depthwise and without activation.
public struct ShortConvolution: Mixer {
  /// Rows in the order B, C, x.
  let input: Linear
  let output: Linear
  /// `[taps × channels]`.
  let convolution: [Float]
  let convolutionBias: [Float]?
  /// The number of the rank's channels.
  let channels: Int
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
    let part = try weights.part(ofChannels: width)
    channels = part.count
    self.taps = taps
    let rows = [part, part.moved(by: width), part.moved(by: 2 * width)]
    input = try Linear([.init(weights["in_proj"], output: 3 * width, rows: rows)], input: width, bias: bias)
    output = try Linear(weights["out_proj"], columns: part, of: width, output: width, bias: bias)
    convolution = try weights.convolution("conv.weight", channels: width, taps: taps, parts: [part])
    convolutionBias = bias ? try weights.vector("conv.bias", count: width).parts([part]) : nil
    history = state.add(.recurrent(count: (taps - 1) * channels), stage: weights.stage)
  }

  /// `true`: by channels, whose state stays with them.
  public var isDivisible: Bool { true }

  /// `C`
  public var letter: Character { "C" }

  /// Computes the mixer on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var projected = step.take(rows: x.count, columns: 3 * channels)
    input.apply(x, into: &projected, step)
    let rows = projected.rows
    var gated = step.take(rows: x.count, columns: channels)
    multiply(rows.columns(0..<channels), rows.columns(2 * channels..<3 * channels), into: &gated, step)
    var convolved = step.take(rows: x.count, columns: channels)
    causalConvolution(
      gated.rows, weight: convolution, bias: convolutionBias, taps: taps, silu: false, history: history,
      into: &convolved, step)
    multiply(&convolved, by: rows.columns(channels..<2 * channels), step)
    output.apply(convolved.rows, into: &out, step)
  }
}
