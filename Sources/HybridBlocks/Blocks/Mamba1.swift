public import InferCore

/// A Mamba mixer (Gu & Dao 2023, arXiv 2312.00752): projection to inputs `x` and gate `z`; causal convolution with SiLU
/// on `x`; a second projection to time steps of low rank, B and C; selective scan and gate; projection back.
public struct Mamba1: Mixer {
  /// The sizes of a mixer.
  public struct Shape: Sendable {
    /// Width of the residual stream.
    public let width: Int
    /// Channels that are scanned.
    public let inner: Int
    /// State of a channel `N`.
    public let stateSize: Int
    /// Width of the time steps before they are projected to the channels.
    public let timeStepRank: Int
    /// Taps of the convolution.
    public let taps: Int
    /// Whether the convolution has a bias.
    public var convolutionBias = true
    /// Whether the first and the last projection have biases.
    public var projectionBias = false

    /// The sizes of a mixer.
    public init(
      width: Int, inner: Int, stateSize: Int, timeStepRank: Int, taps: Int, convolutionBias: Bool = true,
      projectionBias: Bool = false
    ) {
      self.width = width
      self.inner = inner
      self.stateSize = stateSize
      self.timeStepRank = timeStepRank
      self.taps = taps
      self.convolutionBias = convolutionBias
      self.projectionBias = projectionBias
    }
  }

  /// Norms of the three outputs of the second projection.
  public struct InnerNorms: Sendable {
    /// The norm of the time steps before they are projected to the channels.
    public let timeStep: RMSNorm
    /// The norm of B.
    public let b: RMSNorm
    /// The norm of C.
    public let c: RMSNorm

    /// Norms of the time step, B and C.
    public init(timeStep: RMSNorm, b: RMSNorm, c: RMSNorm) {
      self.timeStep = timeStep
      self.b = b
      self.c = c
    }
  }

  let shape: Shape
  let input: Linear
  let selection: Linear
  let timeStep: Linear
  let output: Linear
  let convolution: [Float]
  let convolutionBias: [Float]?
  let scan: ChannelScanParameters
  let norms: InnerNorms?
  let history: StateHandle
  let state: StateHandle

  /// Reads `in_proj` (rows in the order x, z), `conv1d`, `x_proj` (rows in the order time step, B, C), `dt_proj`, `A`, `D`
  /// and `out_proj`, and declares the layer's state.
  public init(
    _ weights: WeightScope, _ shape: Shape, norms: InnerNorms? = nil, state layout: inout StateLayout
  ) throws(ModelError) {
    let (inner, n) = (shape.inner, shape.stateSize)
    self.shape = shape
    self.norms = norms
    input = try Linear(weights["in_proj"], input: shape.width, output: 2 * inner, bias: shape.projectionBias)
    convolution = try weights.convolution("conv1d.weight", channels: inner, taps: shape.taps)
    convolutionBias = shape.convolutionBias ? try weights.vector("conv1d.bias", count: inner) : nil
    selection = try Linear(weights["x_proj"], input: inner, output: shape.timeStepRank + 2 * n)
    // Its bias is added within the scan.
    timeStep = try Linear(weights["dt_proj"], input: shape.timeStepRank, output: inner)
    scan = ChannelScanParameters(
      stateSize: n, a: try weights.floats("A", shape: [inner, n]),
      d: try weights.vector("D", count: inner), dtBias: try weights["dt_proj"].vector("bias", count: inner))
    output = try Linear(weights["out_proj"], input: inner, output: shape.width, bias: shape.projectionBias)
    history = layout.add(.recurrent(count: (shape.taps - 1) * inner))
    state = layout.add(.recurrent(count: scan.stateCount))
  }

  /// `M`
  public var letter: Character { "M" }

  /// Computes the mixer on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let (inner, n, rank) = (shape.inner, shape.stateSize, shape.timeStepRank)
    var projected = step.take(rows: x.count, columns: 2 * inner)
    input.apply(x, into: &projected, step)
    let rows = projected.rows
    var convolved = step.take(rows: x.count, columns: inner)
    causalConvolution(
      rows.columns(0..<inner), weight: convolution, bias: convolutionBias, taps: shape.taps, history: history,
      into: &convolved, step)
    var selected = step.take(rows: x.count, columns: rank + 2 * n)
    selection.apply(convolved.rows, into: &selected, step)
    if let norms { normalize(&selected, norms, step) }
    let choice = selected.rows
    var steps = step.take(rows: x.count, columns: inner)
    timeStep.apply(choice.columns(0..<rank), into: &steps, step)
    var y = step.take(rows: x.count, columns: inner)
    channelScan(
      x: convolved.rows, dt: steps.rows, gate: rows.columns(inner..<2 * inner), b: choice.columns(rank..<rank + n),
      c: choice.columns(rank + n..<rank + 2 * n), scan, state: state, into: &y, step)
    output.apply(y.rows, into: &out, step)
  }

  private func normalize(_ selected: inout MutableRows, _ norms: InnerNorms, _ step: borrowing Step) {
    let (rank, n) = (shape.timeStepRank, shape.stateSize)
    apply(norms.timeStep, to: &selected, 0..<rank, step)
    apply(norms.b, to: &selected, rank..<rank + n, step)
    apply(norms.c, to: &selected, rank + n..<rank + 2 * n, step)
  }

  private func apply(_ norm: RMSNorm, to rows: inout MutableRows, _ columns: Range<Int>, _ step: borrowing Step) {
    var part = rows.columns(columns)
    norm.applyToHeads(of: &part, step)
  }
}
