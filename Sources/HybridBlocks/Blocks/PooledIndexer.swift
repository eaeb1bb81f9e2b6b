internal import InferCore

/// The scorer of block-sparse attention with a key for each block (Qwen4-Exp), by which all heads choose the blocks of keys that
/// they see.
struct PooledIndexer: BlockScorer {
  /// The sizes of a scorer.
  struct Shape: Sendable {
    /// Width of the residual stream.
    let width: Int
    /// Heads of queries.
    let heads: Int
    /// The width of a head.
    let dimension: Int
    /// The number of keys of a block.
    let blockTokens: Int
    /// The number of blocks that are chosen.
    let count: Int
    /// ε of the norms of queries and keys.
    let epsilon: Float
  }

  let shape: Shape
  let rule: PooledBlockSelection
  let queries: Linear
  let keys: Linear
  let queryNorm: RMSNorm
  let keyNorm: RMSNorm
  let rotary: RotaryEmbedding
  let sharing: (count: Int, first: Int)

  /// Reads `index_qk_proj`, `[(heads + 1) · dimension × width]`, queries and behind them the key, and the norms of their heads,
  /// `q_layernorm` and `k_layernorm`. Declares the scorer's cache of keys.
  ///
  /// - Parameters:
  ///   - scope: the scope of the scorer.
  ///   - shape: the sizes.
  ///   - rotary: the positions of the first dimensions of each head.
  ///   - queryHeads: the number of query heads of the model.
  ///   - first: the number of those before the rank's.
  ///   - state: the layout that gets the cache.
  init(
    _ scope: WeightScope, _ shape: Shape, rotary: RotaryEmbedding, queryHeads: Int, first: Int,
    state: inout StateLayout
  ) throws(ModelError) {
    self.shape = shape
    self.rotary = rotary
    let width = shape.heads * shape.dimension
    let parts = try scope["index_qk_proj"].matrices(
      "weight", rows: width + shape.dimension, columns: shape.width,
      parts: [[0..<width], [width..<width + shape.dimension]], inProducts: true)
    (queries, keys) = (Linear([parts[0]]), Linear([parts[1]]))
    queryNorm = try RMSNorm(scope["q_layernorm"], width: shape.dimension, epsilon: shape.epsilon)
    keyNorm = try RMSNorm(scope["k_layernorm"], width: shape.dimension, epsilon: shape.epsilon)
    sharing = (queryHeads, first)
    rule = PooledBlockSelection(
      heads: shape.heads, dimension: shape.dimension, blockTokens: shape.blockTokens, count: shape.count,
      cache: state.add(.latent(dimension: shape.dimension), stage: scope.stage))
  }

  func append(_ x: Rows, _ step: borrowing Step) {
    var rows = step.take(rows: x.count, columns: shape.dimension)
    keys.apply(x, into: &rows, step)
    appendToCache(latents: rows.rows, cache: rule.cache, step)
    guard rule.completesBlocks(step) else { return }
    rule.pool(into: &rows, step)
    keyNorm.applyToHeads(of: &rows, step)
    // A block stands where its first token does.
    rotate(&rows, before: shape.blockTokens - 1, step)
    rule.append(blockKeys: rows.rows, step)
  }

  func choose(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var rows = step.take(rows: x.count, columns: shape.heads * shape.dimension)
    queries.apply(x, into: &rows, step)
    queryNorm.applyToHeads(of: &rows, step)
    rotate(&rows, before: 0, step)
    rule.choose(queries: rows.rows, weights: rows.rows.columns(0..<0), into: &out, step)
  }

  private func rotate(_ rows: inout MutableRows, before count: Int, _ step: borrowing Step) {
    var angles = step.take(rows: rows.count, columns: rotary.dimension)
    rotary.fillAngles(&angles, before: count, step)
    rotary.rotate(&rows, headDimension: shape.dimension, angles: angles.rows, step)
  }
}
