public import InferCore

/// Attention to the keys and values of an earlier layer (Brandon et al. 2024, arXiv 2405.12981): it has queries of its own
/// and caches nothing.
public struct CrossLayerAttention: Mixer {
  /// Of the rank's heads.
  let shape: Attention.Shape
  let input: Linear
  let output: Linear
  let rotary: RotaryEmbedding?
  /// Norms of query heads before and after rotation.
  let norms: (before: RMSNorm?, after: RMSNorm?)
  let scale: Float
  /// The earlier layer's.
  let cache: StateHandle

  /// Reads `q_proj`, `[queryHeads · headDimension × width]`, and `o_proj`.
  ///
  /// - Parameters:
  ///   - weights: the scope of the layer's attention.
  ///   - shape: the sizes, with key heads as the earlier layer has them.
  ///   - rotary: positions, as the keys have them; `nil` for none.
  ///   - queryNorm: the norm of query heads, after rotation; `nil` for none.
  ///   - normBeforeRotation: the norm of query heads before it; `nil` for none.
  ///   - scale: factor on the scores; by default `1 / √headDimension`.
  ///   - cache: the earlier layer's keys and values, ``Attention/cache``.
  public init(
    _ weights: WeightScope, _ shape: Attention.Shape, rotary: RotaryEmbedding?, queryNorm: RMSNorm? = nil,
    normBeforeRotation: RMSNorm? = nil, scale: Float? = nil, cache: StateHandle
  ) throws(ModelError) {
    guard cache.stage == weights.stage else {
      throw weights.indivisible(
        "it looks at keys of a layer of stage \(cache.stage), and is in stage \(weights.stage): it cannot be in "
          + "\(weights.share.stages) stages")
    }
    let width = shape.queryHeads * shape.headDimension
    let part = try shape.part(weights)
    let queries = part.heads.columns(shape.headDimension)
    input = try Linear(
      [.init(weights["q_proj"], output: width, rows: [queries])], input: shape.width, bias: shape.bias)
    output = try Linear(
      weights["o_proj"], columns: queries, of: width, output: shape.width, bias: shape.outputBias)
    self.shape = shape.of(heads: part.heads, keyHeads: part.keyHeads)
    self.rotary = rotary
    norms = (normBeforeRotation, queryNorm)
    self.scale = scale ?? 1 / Float(shape.headDimension).squareRoot()
    self.cache = cache
  }

  /// `true`: by heads, as the earlier layer is.
  public var isDivisible: Bool { true }

  /// `A`
  public var letter: Character { "A" }

  /// Computes attention on all rows of the step.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var queries = step.take(rows: x.count, columns: input.outputWidth)
    input.apply(x, into: &queries, step)
    norms.before?.applyToHeads(of: &queries, step)
    if let rotary {
      var angles = step.take(rows: x.count, columns: rotary.dimension)
      rotary.fillAngles(&angles, step)
      rotary.rotate(&queries, headDimension: shape.headDimension, angles: angles.rows, step)
    }
    norms.after?.applyToHeads(of: &queries, step)
    var mixed = step.take(rows: x.count, columns: input.outputWidth)
    attend(
      queries: queries.rows, queryHeads: shape.queryHeads, heads: shape.keyHeads, headDimension: shape.headDimension,
      scale: scale, cap: shape.scoreCap, cache: cache, into: &mixed, step)
    output.apply(mixed.rows, into: &out, step)
  }
}
