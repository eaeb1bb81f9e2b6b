internal import InferCore

/// Relative positions in attention (Inkling): biases of scores by the distance of the key, of which every query head mixes
/// profiles that all heads of the layer have in common, by weights that are a map of the layer's input.
public struct RelativePositions: Sendable {
  /// The sizes.
  public struct Shape: Sendable, Hashable {
    /// The number of profiles.
    public let profiles: Int
    /// The number of distances that have biases, from 0 on.
    public let distances: Int

    /// The sizes of so many profiles.
    public init(profiles: Int, distances: Int) {
      self.profiles = profiles
      self.distances = distances
    }
  }

  let profiles: DistanceProfiles

  /// Reads `rel_logits_proj.proj`, `[profiles × distances]`.
  init(_ scope: WeightScope, _ shape: Shape) throws(ModelError) {
    profiles = DistanceProfiles(
      try scope["rel_logits_proj"].floats("proj", shape: [shape.profiles, shape.distances]), count: shape.profiles)
  }

  /// The map to the weights of some heads, `r_proj`, `[queryHeads · profiles × width]`, which shares its input with those to
  /// queries, keys and values.
  static func weights(_ scope: WeightScope, _ shape: Shape, queryHeads: Int, heads: Range<Int>) -> Linear.Part {
    Linear.Part(scope["r_proj"], output: queryHeads * shape.profiles, rows: [heads.columns(shape.profiles)])
  }
}
