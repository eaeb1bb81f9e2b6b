internal import InferCore

/// The scorer of indexed attention with a key for each block (GLM-5.3-Flash), by which rows choose the blocks of latent rows that
/// they see. A block's key is a mean of its tokens' keys, which maps of their inputs weigh.
struct PooledKeyIndexer: KeyScorer {
  /// The sizes of a scorer.
  struct Shape: Sendable {
    /// Sizes, of which the number of keys is that of all chosen blocks.
    let keys: KeyIndexer.Shape
    /// The number of keys of a block.
    let blockTokens: Int
  }

  let shape: KeyIndexer.Shape
  let selection: PooledBlockSelection
  let rule: any KeyRule
  let queries: Linear
  let keys: Linear
  let keyNorm: LayerNorm
  let logits: Linear
  let weights: Linear

  /// Reads what ``KeyIndexer`` reads, and `index_kpool_compress_gate`, `[dimension × width]`, and `index_kpool_compress_ape`,
  /// `[blockTokens × dimension]`. Declares the scorer's cache of keys.
  init(_ scope: WeightScope, _ shape: Shape, state: inout StateLayout) throws(ModelError) {
    let (keys, size) = (shape.keys, shape.keys.dimension)
    self.shape = keys
    queries = try Linear(scope["wq_b"], input: keys.queryRank, output: keys.heads * size)
    self.keys = try Linear(scope["wk"], input: keys.width, output: size)
    keyNorm = try LayerNorm(scope["k_norm"], width: size, epsilon: keys.epsilon, bias: true)
    logits = Linear([
      try scope.matrix("index_kpool_compress_gate", rows: size, columns: keys.width, role: .exact, inProducts: true)
    ])
    weights = try Linear(scope["weights_proj"], input: keys.width, output: keys.heads, role: .exact)
    selection = PooledBlockSelection(
      heads: keys.heads, dimension: size, blockTokens: shape.blockTokens, count: keys.count / shape.blockTokens,
      logits: try scope.floats("index_kpool_compress_ape", shape: [shape.blockTokens, size]),
      cache: state.add(.latent(dimension: 2 * size), stage: scope.stage))
    rule = selection
  }

  func append(_ x: Rows, _ step: borrowing Step) {
    let size = shape.dimension
    var projected = step.take(rows: x.count, columns: size)
    keys.apply(x, into: &projected, step)
    var rows = step.take(rows: x.count, columns: 2 * size)
    do {
      var normed = rows.columns(0..<size)
      keyNorm.apply(projected.rows, into: &normed, step)
    }
    do {
      var gates = rows.columns(size..<2 * size)
      logits.apply(x, into: &gates, step)
    }
    appendToCache(latents: rows.rows, cache: selection.cache, step)
    guard selection.completesBlocks(step) else { return }
    selection.pool(into: &rows, step)
    selection.append(blockKeys: rows.rows, step)
  }

  func choose(_ x: Rows, low: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var rows = step.take(rows: x.count, columns: shape.heads * shape.dimension)
    queries.apply(low, into: &rows, step)
    var factors = step.take(rows: x.count, columns: shape.heads)
    weights.apply(x, into: &factors, step)
    var blocks = step.take(rows: x.count, columns: selection.columns)
    selection.choose(queries: rows.rows, weights: factors.rows, into: &blocks, step)
    selection.expand(blocks.rows, into: &out, step)
  }
}
