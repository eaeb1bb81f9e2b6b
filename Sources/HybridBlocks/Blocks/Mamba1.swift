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
    /// Heads (Zamba): time steps, B and C of each are maps of its channels alone. Divides ``inner``.
    public var heads = 1

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
  /// The number of the rank's channels.
  let inner: Int
  let input: Linear
  let selection: HeadMaps
  let timeStep: HeadMaps
  let output: Linear
  let convolution: [Float]
  let convolutionBias: [Float]?
  /// One for each of the rank's heads.
  let scans: [ChannelScanParameters]
  let norms: InnerNorms?
  let history: StateHandle
  /// One a head.
  let states: [StateHandle]

  /// Reads `in_proj` (rows in the order x, z), `conv1d`, `x_proj` (rows in the order time step, B, C), `dt_proj`, `A`, `D`
  /// and `out_proj`, and declares the layer's state. With several heads, all but the projections and the convolution have the
  /// heads as their first dimension.
  public init(
    _ weights: WeightScope, _ shape: Shape, norms: InnerNorms? = nil, state layout: inout StateLayout
  ) throws(ModelError) {
    let (whole, n, rank, heads) = (shape.inner, shape.stateSize, shape.timeStepRank, shape.heads)
    precondition(whole % heads == 0 && (heads == 1 || norms == nil), "\(whole) channels in \(heads) heads")
    let size = whole / heads
    let part = try weights.part(ofChannels: whole, headDimension: heads == 1 ? 1 : size)
    self.shape = shape
    self.norms = norms
    inner = part.count
    input = try Linear(
      [.init(weights["in_proj"], output: 2 * whole, rows: [part, part.moved(by: whole)])], input: shape.width,
      bias: shape.projectionBias)
    convolution = try weights.convolution("conv1d.weight", channels: whole, taps: shape.taps, parts: [part])
    convolutionBias = shape.convolutionBias ? try weights.vector("conv1d.bias", count: whole).parts([part]) : nil
    // The time steps' bias is added within the scan.
    let (select, steps) = (weights["x_proj"], weights["dt_proj"])
    if heads == 1 {
      selection = HeadMaps(
        try Linear(select, columns: part, of: whole, output: rank + 2 * n), input: part.count)
      timeStep = HeadMaps(try Linear([.init(steps, output: whole, rows: [part])], input: rank), input: rank)
    } else {
      let own = part.elements(size)
      selection = try HeadMaps(select, own, of: heads, input: size, output: rank + 2 * n)
      timeStep = try HeadMaps(steps, own, of: heads, input: rank, output: size)
    }
    func sizes(_ last: Int...) -> [Int] { heads == 1 ? [whole] + last : [heads, size] + last }
    let a = try weights.floats("A", shape: sizes(n))
    let d = try weights.floats("D", shape: sizes())
    let bias = try steps.floats("bias", shape: sizes())
    let ranges = heads == 1 ? [part] : part.elements(size).map { $0 * size..<($0 + 1) * size }
    scans = ranges.map {
      ChannelScanParameters(
        stateSize: n, a: Array(a[$0.columns(n)]), d: Array(d[$0]), dtBias: Array(bias[$0]))
    }
    output = try Linear(
      weights["out_proj"], columns: part, of: whole, output: shape.width, bias: shape.projectionBias)
    history = layout.add(.recurrent(count: (shape.taps - 1) * inner), stage: weights.stage)
    states = scans.map { layout.add(.recurrent(count: $0.stateCount), stage: weights.stage) }
  }

  /// `true`: by channels or, where there are several, by heads, whose state stays with them.
  public var isDivisible: Bool { true }

  /// `M`
  public var letter: Character { "M" }

  /// Computes the mixer on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let (n, rank, heads) = (shape.stateSize, shape.timeStepRank, scans.count)
    var projected = step.take(rows: x.count, columns: 2 * inner)
    input.apply(x, into: &projected, step)
    let rows = projected.rows
    var convolved = step.take(rows: x.count, columns: inner)
    causalConvolution(
      rows.columns(0..<inner), weight: convolution, bias: convolutionBias, taps: shape.taps, history: history,
      into: &convolved, step)
    let (size, each) = (inner / heads, rank + 2 * n)
    var selected = step.take(rows: x.count, columns: heads * each)
    selection.apply(convolved.rows, every: size, into: &selected, step)
    // They are made of all channels of a head.
    if shape.heads == 1 { sumOverRanks(&selected, step) }
    if let norms { normalize(&selected, norms, step) }
    let choice = selected.rows
    var steps = step.take(rows: x.count, columns: inner)
    timeStep.apply(choice, every: each, into: &steps, step)
    var y = step.take(rows: x.count, columns: inner)
    for head in scans.indices {
      let (channels, first) = (head * size..<(head + 1) * size, head * each + rank)
      var part = y.columns(channels)
      channelScan(
        x: convolved.rows.columns(channels), dt: steps.rows.columns(channels),
        gate: rows.columns(inner + channels.lowerBound..<inner + channels.upperBound),
        b: choice.columns(first..<first + n), c: choice.columns(first + n..<first + 2 * n), scans[head],
        state: states[head], into: &part, step)
    }
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
