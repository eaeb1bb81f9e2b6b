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
    public private(set) var heads: Int
    /// Channels of a head `P`.
    public let headDimension: Int
    /// Groups `G` of B and C, and of the norm.
    public private(set) var groups: Int
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

    /// The shape of some heads and the groups that they are of.
    func of(heads: Range<Int>, groups: Range<Int>) -> Shape {
      var part = self
      part.heads = heads.count
      part.groups = groups.count
      return part
    }

    /// Width of `x`, `y` and `z`.
    var inner: Int { heads * headDimension }
    /// Width of B and of C.
    var groupState: Int { groups * stateSize }
    /// Width of the input of the convolution, `x B C`.
    var channels: Int { inner + 2 * groupState }
  }

  /// Of the rank's heads, and of the groups that they are of.
  let shape: Shape
  /// Where other ranks have heads of the same group: the number of channels of the group's norm, the group's number, and
  /// the number of groups.
  let spread: (size: Int, group: Int, groups: Int)?
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
  /// Factors on the outputs of `in_proj`, one for each column that the rank has.
  private let inputScales: [Float]?

  /// Reads `in_proj` (rows in the order z, x, B, C, dt), `conv1d`, `dt_bias`, `A`, `D`, `norm` where there is one, and
  /// `out_proj`, and declares the layer's state.
  ///
  /// - Parameters:
  ///   - weights: the scope of the mixer.
  ///   - whole: the sizes.
  ///   - epsilon: ε of the norm.
  ///   - inputScales: factors on the outputs of `in_proj`, one for each of its rows (Falcon-H1); `nil` for none.
  ///   - layout: the layout that gets the state.
  public init(
    _ weights: WeightScope, _ whole: Shape, epsilon: Float, inputScales: [Float]? = nil,
    state layout: inout StateLayout
  ) throws(ModelError) {
    let share = weights.share
    guard let part = share.heads(whole.heads, sharing: whole.groups, width: whole.headDimension) else {
      throw weights.indivisible(
        "\(whole.heads) heads in \(whole.groups) groups cannot be dealt out to \(share.count) ranks")
    }
    let channels = part.heads.columns(whole.headDimension)
    let groups = part.shared.columns(whole.stateSize)
    // Of the convolution's input, and of the projection's output.
    let convolved = [
      channels, groups.moved(by: whole.inner), groups.moved(by: whole.inner + whole.groupState),
    ]
    let projected =
      [channels] + convolved.map { $0.moved(by: whole.inner) }
      + [part.heads.moved(by: whole.inner + whole.channels)]
    shape = whole.of(heads: part.heads, groups: part.shared)
    spread =
      whole.groups < share.count
      ? (whole.inner / whole.groups, part.shared.lowerBound, whole.groups) : nil
    self.epsilon = epsilon
    self.inputScales = inputScales?.parts(projected)
    input = try Linear(
      [.init(weights["in_proj"], output: whole.inner + whole.channels + whole.heads, rows: projected)],
      input: whole.width, bias: whole.inputBias)
    convolution = try weights.convolution(
      "conv1d.weight", channels: whole.channels, taps: whole.taps, parts: convolved)
    convolutionBias =
      whole.convolutionBias ? try weights.vector("conv1d.bias", count: whole.channels).parts(convolved) : nil
    scan = ScanParameters(
      heads: shape.heads, headDimension: shape.headDimension, groups: shape.groups, stateSize: shape.stateSize,
      a: try weights.vector("A", count: whole.heads).parts([part.heads]),
      d: try weights.vector("D", count: whole.heads).parts([part.heads]),
      dtBias: try weights.vector("dt_bias", count: whole.heads).parts([part.heads]))
    norm = whole.gating == .withoutNorm ? [] : try weights.vector("norm.weight", count: whole.inner).parts([channels])
    output = try Linear(
      weights["out_proj"], columns: channels, of: whole.inner, output: whole.width, bias: whole.outputBias)
    history = layout.add(.recurrent(count: (shape.taps - 1) * shape.channels), stage: weights.stage)
    state = layout.add(.recurrent(count: scan.stateCount), stage: weights.stage)
  }

  /// `true`: by heads, whose state stays with them.
  public var isDivisible: Bool { true }

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
    } else if let spread {
      gatedNormOverRanks(
        &y, gate: gate, weight: norm, epsilon: epsilon, size: spread.size, group: spread.group, groups: spread.groups,
        normFirst: shape.gating == .afterNorm, step)
    } else {
      gatedNorm(
        &y, gate: gate, weight: norm, epsilon: epsilon, groups: shape.groups, normFirst: shape.gating == .afterNorm,
        step)
    }
    output.apply(y.rows, into: &out, step)
  }
}
