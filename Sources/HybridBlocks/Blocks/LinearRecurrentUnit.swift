public import InferCore

/// The recurrent block of Griffin (De et al. 2024, arXiv 2402.19427, §2.3): a projection to two branches; in one a causal
/// convolution and real-gated linear recurrent units, whose gates are maps of a head's channels; the other, through GELU,
/// multiplies it; projection back.
public struct LinearRecurrentUnit: Mixer {
  /// The sizes of a mixer.
  public struct Shape: Sendable {
    /// Width of the residual stream.
    public let width: Int
    /// Channels of all heads.
    public let inner: Int
    /// Heads, whose channels the gates are maps of; divides ``inner``.
    public let heads: Int
    /// Taps of the convolution.
    public let taps: Int

    /// The sizes of a mixer.
    public init(width: Int, inner: Int, heads: Int, taps: Int) {
      self.width = width
      self.inner = inner
      self.heads = heads
      self.taps = taps
    }
  }

  /// The number of channels of a head.
  let headDimension: Int
  let taps: Int
  /// The branch through GELU, then that of the units.
  let input: Linear
  let convolution: [Float]
  let convolutionBias: [Float]
  /// The maps to a kind of gates, one for each of the rank's heads, and what is added.
  let inputGate: (maps: [PackedMatrix], bias: [Float])
  let decayGate: (maps: [PackedMatrix], bias: [Float])
  let rate: [Float]
  let output: Linear
  let history: StateHandle
  let state: StateHandle

  /// Reads `linear_y` and `linear_x`, `[inner × width]`, `conv_1d`, and `linear_out`, all with biases; of `rg_lru` the gates
  /// `input_gate` and `recurrent_gate`, `[heads × inner / heads × inner / heads]`, each with a bias, and the rates of decay
  /// `rate`, `[inner]`. Declares the layer's state: the convolution's last inputs, and a float a channel.
  ///
  /// - Parameters:
  ///   - weights: the scope of the layer's mixer.
  ///   - shape: the sizes.
  ///   - layout: the layout that gets the state.
  public init(_ weights: WeightScope, _ shape: Shape, state layout: inout StateLayout) throws(ModelError) {
    let inner = shape.inner
    headDimension = inner / shape.heads
    taps = shape.taps
    let part = try weights.part(ofChannels: inner, headDimension: headDimension)
    input = try Linear(
      ["linear_y", "linear_x"].map { .init(weights[$0], output: inner, rows: [part]) }, input: shape.width, bias: true)
    convolution = try weights.convolution("conv_1d.weight", channels: inner, taps: taps, parts: [part])
    convolutionBias = try weights.vector("conv_1d.bias", count: inner).parts([part])
    let unit = weights["rg_lru"]
    inputGate = try Self.gate(unit["input_gate"], shape, part)
    decayGate = try Self.gate(unit["recurrent_gate"], shape, part)
    rate = try unit.vector("rate", count: inner).parts([part])
    output = try Linear(weights["linear_out"], columns: part, of: inner, output: shape.width, bias: true)
    history = layout.add(.recurrent(count: (taps - 1) * part.count), stage: weights.stage)
    state = layout.add(.recurrent(count: part.count), stage: weights.stage)
  }

  private static func gate(
    _ weights: WeightScope, _ shape: Shape, _ part: Range<Int>
  ) throws(ModelError) -> (maps: [PackedMatrix], bias: [Float]) {
    let size = shape.inner / shape.heads
    return (
      try weights.matrices(
        "weight", part.elements(size), of: shape.heads, rows: size, columns: size, role: .stored),
      try weights.floats("bias", shape: [shape.heads, size]).parts([part])
    )
  }

  /// `true`: by heads, whose state stays with them.
  public var isDivisible: Bool { true }

  /// `R`
  public var letter: Character { "R" }

  /// Computes the mixer on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let inner = rate.count
    var projected = step.take(rows: x.count, columns: 2 * inner)
    input.apply(x, into: &projected, step)
    var convolved = step.take(rows: x.count, columns: inner)
    causalConvolution(
      projected.rows.columns(inner..<2 * inner), weight: convolution, bias: convolutionBias, taps: taps,
      silu: false, history: history, into: &convolved, step)
    var inputs = step.take(rows: x.count, columns: inner)
    apply(inputGate, convolved.rows, into: &inputs, step)
    var decays = step.take(rows: x.count, columns: inner)
    apply(decayGate, convolved.rows, into: &decays, step)
    do {
      // In the place of the units' inputs, behind the other branch.
      var units = projected.columns(inner..<2 * inner)
      gatedLinearUnit(
        convolved.rows, inputGate: inputs.rows, decayGate: decays.rows, rate: rate, state: state, into: &units, step)
    }
    var gated = step.take(rows: x.count, columns: inner)
    activateGated(projected.rows, .geluTanhGated, into: &gated, step)
    output.apply(gated.rows, into: &out, step)
  }

  private func apply(
    _ gate: (maps: [PackedMatrix], bias: [Float]), _ x: Rows, into out: inout MutableRows, _ step: borrowing Step
  ) {
    matmulHeads(x, every: headDimension, by: gate.maps, into: &out, every: headDimension, step)
    addBias(gate.bias, to: &out, step)
  }
}
