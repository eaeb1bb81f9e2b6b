internal import InferCore

/// Mamba of PLaMo 2: heads that are scanned as in Mamba-2 (arXiv 2405.21060), whose time steps, B and C are made of the convolved
/// channels, as in Mamba-1, and normalised; a gate; projection back.
struct HeadMamba: Mixer {
  /// The sizes of a mixer.
  struct Shape: Sendable {
    /// Width of the residual stream.
    let width: Int
    /// Heads.
    let heads: Int
    /// Channels of a head.
    let headDimension: Int
    /// State of a channel.
    let stateSize: Int
    /// Width of the time steps before they are projected to the heads.
    let timeStepRank: Int
    /// Taps of the convolution.
    let taps: Int

    /// Channels of all heads.
    var inner: Int { heads * headDimension }
  }

  let shape: Shape
  /// Gates, then channels, of the rank's heads.
  private let input: Linear
  private let convolution: [Float]
  /// To B, C and time steps.
  private let selection: Linear
  private let norms: Mamba1.InnerNorms
  private let timeStep: Linear
  private let scan: ScanParameters
  private let output: Linear
  private let history: StateHandle
  private let state: StateHandle

  /// Reads `in_proj` (rows of each head in the order gate, channels), `conv1d`, `bcdt_proj` (rows in the order B, C, time step),
  /// `B_norm_weight`, `C_norm_weight` and `dt_norm_weight`, `dt_proj`, `dt_bias`, `A`, `D` and `out_proj`. Declares the layer's
  /// state.
  init(
    _ weights: WeightScope, _ shape: Shape, epsilon: Float, state layout: inout StateLayout
  ) throws(ModelError) {
    let (inner, d, n, rank) = (shape.inner, shape.headDimension, shape.stateSize, shape.timeStepRank)
    let part = try weights.part(ofChannels: inner, headDimension: d)
    let heads = part.elements(d)
    self.shape = shape
    input = Linear(
      try weights["in_proj"].matrices(
        "weight", rows: 2 * inner, columns: shape.width,
        parts: [0, d].map { first in heads.map { $0 * 2 * d + first..<$0 * 2 * d + first + d } }, inProducts: true))
    convolution = try weights.convolution("conv1d.weight", channels: inner, taps: shape.taps, parts: [part])
    selection = try Linear(weights["bcdt_proj"], columns: part, of: inner, output: 2 * n + rank)
    func norm(_ name: String, _ size: Int) throws(ModelError) -> RMSNorm {
      RMSNorm(weight: try weights.vector("\(name)_norm_weight", count: size), epsilon: epsilon)
    }
    norms = Mamba1.InnerNorms(timeStep: try norm("dt", rank), b: try norm("B", n), c: try norm("C", n))
    timeStep = try Linear([.init(weights["dt_proj"], output: shape.heads, rows: [heads])], input: rank)
    func vector(_ name: String) throws(ModelError) -> [Float] {
      try weights.vector(name, count: shape.heads).parts([heads])
    }
    scan = ScanParameters(
      heads: heads.count, headDimension: d, groups: 1, stateSize: n, a: try vector("A"), d: try vector("D"),
      dtBias: try vector("dt_bias"))
    output = try Linear(weights["out_proj"], columns: part, of: inner, output: shape.width)
    history = layout.add(.recurrent(count: (shape.taps - 1) * part.count), stage: weights.stage)
    state = layout.add(.recurrent(count: scan.stateCount), stage: weights.stage)
  }

  /// `true`: by heads, whose state stays with them.
  var isDivisible: Bool { true }

  /// `M`
  var letter: Character { "M" }

  /// Computes the mixer on all rows.
  func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let (n, inner) = (shape.stateSize, scan.heads * scan.headDimension)
    var projected = step.take(rows: x.count, columns: 2 * inner)
    input.apply(x, into: &projected, step)
    var convolved = step.take(rows: x.count, columns: inner)
    causalConvolution(
      projected.rows.columns(inner..<2 * inner), weight: convolution, bias: nil, taps: shape.taps, history: history,
      into: &convolved, step)
    var selected = step.take(rows: x.count, columns: selection.outputWidth)
    selection.apply(convolved.rows, into: &selected, step)
    // They are made of all channels.
    sumOverRanks(&selected, step)
    apply(norms.b, to: &selected, 0..<n, step)
    apply(norms.c, to: &selected, n..<2 * n, step)
    apply(norms.timeStep, to: &selected, 2 * n..<selection.outputWidth, step)
    let choice = selected.rows
    var steps = step.take(rows: x.count, columns: scan.heads)
    timeStep.apply(choice.columns(2 * n..<selection.outputWidth), into: &steps, step)
    var y = step.take(rows: x.count, columns: inner)
    selectiveScan(
      x: convolved.rows, b: choice.columns(0..<n), c: choice.columns(n..<2 * n), dt: steps.rows, scan, state: state,
      into: &y, step)
    siluGate(&y, gate: projected.rows.columns(0..<inner), step)
    output.apply(y.rows, into: &out, step)
  }

  private func apply(_ norm: RMSNorm, to rows: inout MutableRows, _ columns: Range<Int>, _ step: borrowing Step) {
    var part = rows.columns(columns)
    norm.applyToHeads(of: &part, step)
  }
}
