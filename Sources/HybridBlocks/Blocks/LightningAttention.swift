public import InferCore

/// Lightning attention (Qin et al. 2024, arXiv 2405.17381), as MiniMax-01 has it (arXiv 2501.08313, §2.2): linear attention,
/// `S ← λ S + k ⊗ v`, `y = Sᵀ q`, with SiLU on queries, keys and values and a decay `λ` of each head that no token changes; a
/// norm of all heads together, times the sigmoid of a gate; projection back.
public struct LightningAttention: Mixer {
  /// The sizes of a mixer.
  public struct Shape: Sendable {
    /// Width of the residual stream.
    public let width: Int
    /// Heads of queries, keys and values.
    public let heads: Int
    /// The width of a head.
    public let headDimension: Int

    /// The sizes of a mixer.
    public init(width: Int, heads: Int, headDimension: Int) {
      self.width = width
      self.heads = heads
      self.headDimension = headDimension
    }
  }

  /// The number of channels of the rank's heads.
  let inner: Int
  /// Queries, keys, values and gates side by side.
  let input: Linear
  let scan: ScanParameters
  let norm: RMSNorm
  /// The norm where other ranks have heads as well.
  private let spreadNorm: [SpreadNorm]
  let output: Linear
  let state: StateHandle

  /// Reads `qkv_proj`, `[heads × 3 · headDimension × width]`, the rows of each head in the order query, key, value;
  /// `output_gate`, `[heads · headDimension × width]`, `norm` and `out_proj`. Declares the layer's state,
  /// `[heads × headDimension × headDimension]`.
  ///
  /// - Parameters:
  ///   - weights: the scope of the layer's mixer.
  ///   - shape: the sizes.
  ///   - rates: for each head, the logarithm of its decay.
  ///   - epsilon: ε of the norm.
  ///   - layout: the layout that gets the state.
  public init(
    _ weights: WeightScope, _ shape: Shape, rates: [Float], epsilon: Float, state layout: inout StateLayout
  ) throws(ModelError) {
    let d = shape.headDimension
    let whole = shape.heads * d
    let part = try weights.part(ofChannels: whole, headDimension: d)
    let heads = part.elements(d)
    inner = part.count
    let parts = try weights["qkv_proj"].matrices(
      "weight", rows: 3 * whole, columns: shape.width,
      parts: [0, d, 2 * d].map { first in heads.map { $0 * 3 * d + first..<$0 * 3 * d + first + d } },
      inProducts: true)
    let gate = try weights["output_gate"].matrices(
      "weight", rows: whole, columns: shape.width, parts: [[part]], inProducts: true)
    input = Linear(parts + gate)
    scan = ScanParameters(
      linearAttention: heads.count, keyDimension: d, valueDimension: d, rates: rates.parts([heads]),
      dtBias: ScanParameters.unitStep)
    norm = RMSNorm(weight: try weights["norm"].vector("weight", count: whole).parts([part]), epsilon: epsilon)
    spreadNorm =
      weights.share.dividesLayers
      ? [SpreadNorm(columns: 0..<inner, of: whole, weight: norm.weight, epsilon: epsilon)] : []
    output = try Linear(weights["out_proj"], columns: part, of: whole, output: shape.width)
    state = layout.add(.recurrent(count: scan.stateCount), stage: weights.stage)
  }

  /// `true`: by heads, whose state stays with them.
  public var isDivisible: Bool { true }

  /// `L`
  public var letter: Character { "L" }

  /// Computes the mixer on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var projected = step.take(rows: x.count, columns: 4 * inner)
    input.apply(x, into: &projected, step)
    do {
      var qkv = projected.columns(0..<3 * inner)
      silu(&qkv, step)
    }
    var steps = step.take(rows: x.count, columns: scan.heads)
    assign(0, to: &steps, step)
    let rows = projected.rows
    var y = step.take(rows: x.count, columns: inner)
    selectiveScan(
      x: rows.columns(2 * inner..<3 * inner), b: rows.columns(inner..<2 * inner), c: rows.columns(0..<inner),
      dt: steps.rows, scan, state: state, into: &y, step)
    let gate = rows.columns(3 * inner..<4 * inner)
    if spreadNorm.isEmpty {
      normThenGate(&y, gate: gate, .sigmoid, weight: norm.weight, epsilon: norm.epsilon, step)
    } else {
      rmsNormOverRanks(&y, spreadNorm, step)
      sigmoidGate(&y, gate: gate, step)
    }
    output.apply(y.rows, into: &out, step)
  }
}
