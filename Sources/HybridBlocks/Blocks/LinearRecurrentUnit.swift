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

  let shape: Shape
  /// The branch through GELU, then that of the units.
  let input: Linear
  let convolution: [Float]
  let convolutionBias: [Float]
  /// The maps to a kind of gates, one a head, and what is added.
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
    self.shape = shape
    input = try Linear(
      [.init(weights["linear_y"], output: inner), .init(weights["linear_x"], output: inner)], input: shape.width,
      bias: true)
    convolution = try weights.convolution("conv_1d.weight", channels: inner, taps: shape.taps)
    convolutionBias = try weights.vector("conv_1d.bias", count: inner)
    let unit = weights["rg_lru"]
    inputGate = try Self.gate(unit, "input_gate", shape)
    decayGate = try Self.gate(unit, "recurrent_gate", shape)
    rate = try unit.vector("rate", count: inner)
    output = try Linear(weights["linear_out"], input: inner, output: shape.width, bias: true)
    history = layout.add(.recurrent(count: (shape.taps - 1) * inner), stage: weights.stage)
    state = layout.add(.recurrent(count: inner), stage: weights.stage)
  }

  private static func gate(
    _ weights: WeightScope, _ name: String, _ shape: Shape
  ) throws(ModelError) -> (maps: [PackedMatrix], bias: [Float]) {
    let size = shape.inner / shape.heads
    return (
      try weights[name].matrices("weight", count: shape.heads, rows: size, columns: size, role: .stored),
      try weights[name].floats("bias", shape: [shape.heads, size])
    )
  }

  /// `R`
  public var letter: Character { "R" }

  /// Computes the mixer on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let inner = shape.inner
    var projected = step.take(rows: x.count, columns: 2 * inner)
    input.apply(x, into: &projected, step)
    var convolved = step.take(rows: x.count, columns: inner)
    causalConvolution(
      projected.rows.columns(inner..<2 * inner), weight: convolution, bias: convolutionBias, taps: shape.taps,
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
    let size = shape.inner / shape.heads
    matmulHeads(x, every: size, by: gate.maps, into: &out, every: size, step)
    addBias(gate.bias, to: &out, step)
  }
}
