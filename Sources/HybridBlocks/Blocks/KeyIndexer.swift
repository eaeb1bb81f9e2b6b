internal import InferCore

/// A scorer by which rows of latent attention choose the keys that they see.
protocol KeyScorer: Sendable {
  /// The rule of the choice.
  var rule: any KeyRule { get }

  /// Writes what the scorer keeps of the step's rows into its cache.
  func append(_ x: Rows, _ step: borrowing Step)

  /// Chooses the keys of every row.
  ///
  /// - Parameters:
  ///   - x: the input of attention.
  ///   - low: the low-rank vectors that its queries are maps of.
  ///   - out: `[step rows × rule.mostKeys]`: the positions of the keys, ascending, as many as there are.
  ///   - step: the step.
  func choose(_ x: Rows, low: Rows, into out: inout MutableRows, _ step: borrowing Step)
}

/// The scorer of indexed attention (DeepSeek-V3.2, arXiv 2512.02556, §2.1), by which rows choose the keys that they see.
struct KeyIndexer: KeyScorer {
  /// The sizes of a scorer.
  struct Shape: Sendable {
    /// Width of the residual stream.
    let width: Int
    /// Width of the low-rank vectors that queries are maps of.
    let queryRank: Int
    /// Heads.
    let heads: Int
    /// The width of a head, of which a part is rotated.
    let dimension: Int
    /// The number of keys that are chosen.
    let count: Int
    /// The first dimension that is rotated.
    var firstRotated = 0
    /// ε of the norm of keys.
    var epsilon: Float = 1e-6
  }

  let shape: Shape
  let selection: KeySelection
  let rule: any KeyRule
  let queries: Linear
  let keys: Linear
  let keyNorm: LayerNorm
  let weights: Linear
  let rotary: RotaryEmbedding

  /// Reads `wq_b`, `[heads · dimension × queryRank]`, `wk`, `[dimension × width]`, its layer norm `k_norm`, and `weights_proj`,
  /// `[heads × width]`. Declares the scorer's cache of keys.
  init(
    _ scope: WeightScope, _ shape: Shape, rotary: RotaryEmbedding, state: inout StateLayout
  ) throws(ModelError) {
    self.shape = shape
    self.rotary = rotary
    queries = try Linear(scope["wq_b"], input: shape.queryRank, output: shape.heads * shape.dimension)
    keys = try Linear(scope["wk"], input: shape.width, output: shape.dimension)
    keyNorm = try LayerNorm(scope["k_norm"], width: shape.dimension, epsilon: shape.epsilon, bias: true)
    weights = try Linear(scope["weights_proj"], input: shape.width, output: shape.heads, role: .exact)
    selection = KeySelection(
      heads: shape.heads, dimension: shape.dimension, count: shape.count,
      cache: state.add(.latent(dimension: shape.dimension), stage: scope.stage))
    rule = selection
  }

  func append(_ x: Rows, _ step: borrowing Step) {
    var projected = step.take(rows: x.count, columns: shape.dimension)
    keys.apply(x, into: &projected, step)
    var rows = step.take(rows: x.count, columns: shape.dimension)
    keyNorm.apply(projected.rows, into: &rows, step)
    rotate(&rows, step)
    appendToCache(latents: rows.rows, cache: selection.cache, step)
  }

  func choose(_ x: Rows, low: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var rows = step.take(rows: x.count, columns: shape.heads * shape.dimension)
    queries.apply(low, into: &rows, step)
    rotate(&rows, step)
    var factors = step.take(rows: x.count, columns: shape.heads)
    weights.apply(x, into: &factors, step)
    selection.choose(queries: rows.rows, weights: factors.rows, into: &out, step)
  }

  private func rotate(_ rows: inout MutableRows, _ step: borrowing Step) {
    var angles = step.take(rows: rows.count, columns: rotary.dimension)
    rotary.fillAngles(&angles, step)
    rotary.rotate(&rows, headDimension: shape.dimension, from: shape.firstRotated, angles: angles.rows, step)
  }
}
