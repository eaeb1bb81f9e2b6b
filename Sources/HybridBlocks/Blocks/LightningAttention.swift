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

  let shape: Shape
  /// Queries, keys, values and gates side by side.
  let input: Linear
  let scan: ScanParameters
  let norm: RMSNorm
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
    let (d, heads) = (shape.headDimension, shape.heads)
    let inner = heads * d
    self.shape = shape
    let parts = try weights["qkv_proj"].matrices(
      "weight", rows: 3 * inner, columns: shape.width,
      parts: [0, d, 2 * d].map { first in (0..<heads).map { $0 * 3 * d + first..<$0 * 3 * d + first + d } },
      inProducts: true)
    input = Linear(
      parts + [try weights["output_gate"].matrix("weight", rows: inner, columns: shape.width, inProducts: true)])
    scan = ScanParameters(
      linearAttention: heads, keyDimension: d, valueDimension: d, rates: rates, dtBias: ScanParameters.unitStep)
    norm = try RMSNorm(weights["norm"], width: inner, epsilon: epsilon)
    output = try Linear(weights["out_proj"], input: inner, output: shape.width)
    state = layout.add(.recurrent(count: scan.stateCount), stage: weights.stage)
  }

  /// `L`
  public var letter: Character { "L" }

  /// Computes the mixer on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let inner = shape.heads * shape.headDimension
    var projected = step.take(rows: x.count, columns: 4 * inner)
    input.apply(x, into: &projected, step)
    do {
      var qkv = projected.columns(0..<3 * inner)
      silu(&qkv, step)
    }
    var steps = step.take(rows: x.count, columns: shape.heads)
    assign(0, to: &steps, step)
    let rows = projected.rows
    var y = step.take(rows: x.count, columns: inner)
    selectiveScan(
      x: rows.columns(2 * inner..<3 * inner), b: rows.columns(inner..<2 * inner), c: rows.columns(0..<inner),
      dt: steps.rows, scan, state: state, into: &y, step)
    normThenGate(
      &y, gate: rows.columns(3 * inner..<4 * inner), .sigmoid, weight: norm.weight, epsilon: norm.epsilon, step)
    output.apply(y.rows, into: &out, step)
  }
}
