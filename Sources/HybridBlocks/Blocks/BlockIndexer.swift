internal import InferCore

/// The scorer of block-sparse attention (MiniMax M3), by which groups of heads choose the blocks of keys that they see.
struct BlockIndexer: BlockScorer {
  /// The sizes of a scorer.
  struct Shape: Sendable {
    /// Width of the residual stream.
    let width: Int
    /// Heads, each of which chooses for a group of query heads; divides their number.
    let heads: Int
    /// The width of a head.
    let dimension: Int
    /// The number of keys of a block.
    let blockTokens: Int
    /// The number of blocks that are chosen.
    let count: Int
    /// The number of last blocks that are always chosen.
    let localCount: Int
    /// ε of the norms of queries and keys.
    let epsilon: Float
  }

  let shape: Shape
  let rule: BlockSelection
  let queries: Linear
  let keys: Linear
  let queryNorm: RMSNorm
  let keyNorm: RMSNorm
  let rotary: RotaryEmbedding
  let sharing: (count: Int, first: Int)

  /// Reads `q_proj`, `[heads · dimension × width]`, `k_proj`, `[dimension × width]`, and the norms of their heads, `q_norm` and
  /// `k_norm`. Declares the scorer's cache of keys.
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
    precondition(queryHeads % shape.heads == 0, "\(queryHeads) query heads in \(shape.heads) groups")
    self.shape = shape
    self.rotary = rotary
    queries = try Linear(scope["q_proj"], input: shape.width, output: shape.heads * shape.dimension)
    keys = try Linear(scope["k_proj"], input: shape.width, output: shape.dimension)
    queryNorm = try RMSNorm(scope["q_norm"], width: shape.dimension, epsilon: shape.epsilon)
    keyNorm = try RMSNorm(scope["k_norm"], width: shape.dimension, epsilon: shape.epsilon)
    sharing = (queryHeads / shape.heads, first)
    rule = BlockSelection(
      heads: shape.heads, dimension: shape.dimension, blockTokens: shape.blockTokens, count: shape.count,
      localCount: shape.localCount, cache: state.add(.latent(dimension: shape.dimension), stage: scope.stage))
  }

  func append(_ x: Rows, _ step: borrowing Step) {
    var rows = step.take(rows: x.count, columns: shape.dimension)
    keys.apply(x, into: &rows, step)
    keyNorm.applyToHeads(of: &rows, step)
    rotate(&rows, step)
    appendToCache(latents: rows.rows, cache: rule.cache, step)
  }

  func choose(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var rows = step.take(rows: x.count, columns: shape.heads * shape.dimension)
    queries.apply(x, into: &rows, step)
    queryNorm.applyToHeads(of: &rows, step)
    rotate(&rows, step)
    rule.choose(queries: rows.rows, into: &out, step)
  }

  private func rotate(_ rows: inout MutableRows, _ step: borrowing Step) {
    var angles = step.take(rows: rows.count, columns: rotary.dimension)
    rotary.fillAngles(&angles, step)
    rotary.rotate(&rows, headDimension: shape.dimension, angles: angles.rows, step)
  }
}
