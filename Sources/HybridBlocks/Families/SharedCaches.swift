import InferCore

/// The caches of the last layers of each kind, with a window and without, that have their own: later layers look at them
/// (Gemma 3n and 4).
struct SharedCaches {
  private var windowed: StateHandle?
  private var whole: StateHandle?

  /// Attention of a layer, with norms of heads before rotation and scores that are not scaled.
  ///
  /// - Parameters:
  ///   - weights: the scope of the layer's attention.
  ///   - shape: the sizes of its kind.
  ///   - rotary: positions of its kind.
  ///   - isWindowed: `true` for a layer with a window.
  ///   - shares: `true` for a layer that looks at the cache of an earlier one of its kind, where there is one.
  ///   - epsilon: the number added under the roots of norms.
  mutating func attention(
    _ weights: WeightScope, _ shape: Attention.Shape, rotary: RotaryEmbedding?, isWindowed: Bool, shares: Bool,
    epsilon: Float, state: inout StateLayout
  ) throws(ModelError) -> any Mixer {
    let query = try RMSNorm(weights["q_norm"], width: shape.headDimension, epsilon: epsilon)
    if shares, let cache = isWindowed ? windowed : whole {
      // Published files have them all the same.
      for name in ["k_proj.", "v_proj.", "k_norm.", "v_norm."] { weights.discard(name) }
      return try CrossLayerAttention(
        weights, shape, rotary: rotary, normBeforeRotation: query, scale: 1, cache: cache)
    }
    let mixer = try Attention(
      weights, shape, rotary: rotary,
      headNorm: .beforeRotation(
        query: query, key: RMSNorm(weights["k_norm"], width: shape.headDimension, epsilon: epsilon)),
      scale: 1, state: &state)
    if isWindowed { windowed = mixer.cache } else { whole = mixer.cache }
    return mixer
  }
}
