public import InferCore

/// A Mamba-2 mixer (Dao & Gu 2024, arXiv 2405.21060): projection to gate `z`, inputs `x B C` and time steps `dt`;
/// causal convolution with SiLU on `x B C`; selective scan; gate, then norm over each group; projection back.
public struct Mamba2: Mixer {
  /// The way in which the gate `z` is applied to the output of the scan, `y`.
  public enum Gating: Sendable {
    /// `norm(y · silu(z))`: Mamba-2 as published, and most models.
    case beforeNorm
    /// `norm(y) · silu(z)`.
    case afterNorm
    /// `y · silu(z)`.
    case withoutNorm
  }

  /// The sizes of a mixer.
  public struct Shape: Sendable {
    /// Width of the residual stream.
    public let width: Int
    /// Heads `H`.
    public let heads: Int
    /// Channels of a head `P`.
    public let headDimension: Int
    /// Groups `G` of B and C, and of the norm.
    public let groups: Int
    /// State of a channel `N`.
    public let stateSize: Int
    /// Taps of the convolution.
    public let taps: Int
    /// Whether the convolution has a bias.
    public var convolutionBias = true
    /// Whether the projection to the inside has a bias.
    public var inputBias = false
    /// Whether the projection back has a bias.
    public var outputBias = false
    /// The way in which the gate is applied.
    public var gating = Gating.beforeNorm

    /// The sizes of a mixer.
    public init(
      width: Int, heads: Int, headDimension: Int, groups: Int, stateSize: Int, taps: Int, convolutionBias: Bool = true,
      inputBias: Bool = false, outputBias: Bool = false, gating: Gating = .beforeNorm
    ) {
      self.width = width
      self.heads = heads
      self.headDimension = headDimension
      self.groups = groups
      self.stateSize = stateSize
      self.taps = taps
      self.convolutionBias = convolutionBias
      self.inputBias = inputBias
      self.outputBias = outputBias
      self.gating = gating
    }

    /// Width of `x`, `y` and `z`.
    var inner: Int { heads * headDimension }
    /// Width of B and of C.
    var groupState: Int { groups * stateSize }
    /// Width of the input of the convolution, `x B C`.
    var channels: Int { inner + 2 * groupState }
  }

  let shape: Shape
  let input: Linear
  let output: Linear
  let convolution: [Float]
  let convolutionBias: [Float]?
  let scan: ScanParameters
  /// Empty without a norm.
  let norm: [Float]
  let epsilon: Float
  let history: StateHandle
  let state: StateHandle
  /// Factors on the outputs of `in_proj`, one for each column in the order of its rows (Falcon-H1).
  public var inputScales: [Float]?

  /// Reads `in_proj` (rows in the order z, x, B, C, dt), `conv1d`, `dt_bias`, `A`, `D`, `norm` where there is one, and
  /// `out_proj`, and declares the layer's state.
  public init(_ weights: WeightScope, _ shape: Shape, epsilon: Float, state layout: inout StateLayout)
    throws(ModelError)
  {
    self.shape = shape
    self.epsilon = epsilon
    input = try Linear(
      weights["in_proj"], input: shape.width, output: shape.inner + shape.channels + shape.heads,
      bias: shape.inputBias)
    convolution = try weights.convolution("conv1d.weight", channels: shape.channels, taps: shape.taps)
    convolutionBias = shape.convolutionBias ? try weights.vector("conv1d.bias", count: shape.channels) : nil
    scan = ScanParameters(
      heads: shape.heads, headDimension: shape.headDimension, groups: shape.groups, stateSize: shape.stateSize,
      a: try weights.vector("A", count: shape.heads),
      d: try weights.vector("D", count: shape.heads), dtBias: try weights.vector("dt_bias", count: shape.heads))
    norm = shape.gating == .withoutNorm ? [] : try weights.vector("norm.weight", count: shape.inner)
    output = try Linear(weights["out_proj"], input: shape.inner, output: shape.width, bias: shape.outputBias)
    history = layout.add(.recurrent(count: (shape.taps - 1) * shape.channels))
    state = layout.add(.recurrent(count: scan.stateCount))
  }

  /// `M`
  public var letter: Character { "M" }

  /// Computes the mixer on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let (inner, bc, channels) = (shape.inner, shape.groupState, shape.channels)
    var projected = step.take(rows: x.count, columns: inner + channels + shape.heads)
    input.apply(x, into: &projected, step)
    if let inputScales { scaleColumns(&projected, by: inputScales, step) }
    let rows = projected.rows
    var convolved = step.take(rows: x.count, columns: channels)
    causalConvolution(
      rows.columns(inner..<inner + channels), weight: convolution, bias: convolutionBias, taps: shape.taps,
      history: history, into: &convolved, step)
    let xbc = convolved.rows
    var y = step.take(rows: x.count, columns: inner)
    selectiveScan(
      x: xbc.columns(0..<inner), b: xbc.columns(inner..<inner + bc), c: xbc.columns(inner + bc..<channels),
      dt: rows.columns(inner + channels..<inner + channels + shape.heads), scan, state: state, into: &y, step)
    let gate = rows.columns(0..<inner)
    if shape.gating == .withoutNorm {
      siluGate(&y, gate: gate, step)
    } else {
      gatedNorm(
        &y, gate: gate, weight: norm, epsilon: epsilon, groups: shape.groups, normFirst: shape.gating == .afterNorm,
        step)
    }
    output.apply(y.rows, into: &out, step)
  }
}
