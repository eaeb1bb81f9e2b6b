internal import InferCore

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// A Mamba-2 layer (Dao & Gu 2024, arXiv 2405.21060): projection to gate `z`, inputs `x B C` and time steps `dt`;
/// causal convolution with SiLU on `x B C`; selective scan; gate, then norm over each group; projection back.
struct Mamba2: Mixer {
  /// Sizes of a layer.
  struct Shape: Sendable {
    /// Width of the residual stream.
    let width: Int
    /// Heads `H`.
    let heads: Int
    /// Channels of a head `P`.
    let headDimension: Int
    /// Groups `G` of B and C, and of the norm.
    let groups: Int
    /// State of a channel `N`.
    let stateSize: Int
    /// Taps of the convolution.
    let taps: Int
    /// Whether the convolution has a bias.
    var convolutionBias = true
    /// Whether the two projections have biases.
    var projectionBias = false

    /// Width of `x`, `y` and `z`.
    var inner: Int { heads * headDimension }
    /// Width of B and of C.
    var groupState: Int { groups * stateSize }
    /// Width of what the convolution sees: `x B C`.
    var channels: Int { inner + 2 * groupState }
  }

  let shape: Shape
  let input: Linear
  let output: Linear
  let convolution: [Float]
  let convolutionBias: [Float]?
  let scan: ScanParameters
  let norm: [Float]
  let epsilon: Float
  let history: StateHandle
  let state: StateHandle

  /// Reads `in_proj` (rows in the order z, x, B, C, dt), `conv1d`, `dt_bias`, `A_log`, `D`, `norm` and `out_proj`,
  /// and declares the layer's state.
  init(_ weights: WeightScope, _ shape: Shape, epsilon: Float, state layout: inout StateLayout) throws(ModelError) {
    self.shape = shape
    self.epsilon = epsilon
    input = try Linear(
      weights["in_proj"], input: shape.width, output: shape.inner + shape.channels + shape.heads,
      bias: shape.projectionBias)
    convolution = try weights.convolution("conv1d.weight", channels: shape.channels, taps: shape.taps)
    convolutionBias = shape.convolutionBias ? try weights.vector("conv1d.bias", count: shape.channels) : nil
    scan = ScanParameters(
      heads: shape.heads, headDimension: shape.headDimension, groups: shape.groups, stateSize: shape.stateSize,
      a: try weights.vector("A_log", count: shape.heads).map { -exp($0) },
      d: try weights.vector("D", count: shape.heads), dtBias: try weights.vector("dt_bias", count: shape.heads))
    norm = try weights.vector("norm.weight", count: shape.inner)
    output = try Linear(weights["out_proj"], input: shape.inner, output: shape.width, bias: shape.projectionBias)
    history = layout.add(.recurrent(count: (shape.taps - 1) * shape.channels))
    state = layout.add(.recurrent(count: scan.stateCount))
  }

  var letter: Character { "M" }

  func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let (inner, bc, channels) = (shape.inner, shape.groupState, shape.channels)
    var projected = step.take(rows: x.count, columns: inner + channels + shape.heads)
    input.apply(x, into: &projected, step)
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
    gatedNorm(&y, gate: rows.columns(0..<inner), weight: norm, epsilon: epsilon, groups: shape.groups, step)
    output.apply(y.rows, into: &out, step)
  }
}
