/// Biases of attention's scores by the distance of a key before its query, as mixtures of profiles: to the score of a key that
/// is within a profile's distances, `Σ weight[p] · profile[p][distance]` is added, with weights of each query head and row;
/// to others nothing (Inkling).
public struct DistanceProfiles: Sendable {
  /// The number of profiles.
  public let count: Int
  /// The number of distances that a profile tells of, from 0 on.
  public let distances: Int
  /// `[count × distances]`, the farthest first, as keys lie.
  let values: [Float]

  /// Profiles of numbers.
  ///
  /// - Parameters:
  ///   - values: `[count × distances]`, each row from distance 0 on.
  ///   - count: the number of profiles.
  /// - Precondition: there is at least one profile, all of the same number of distances, at least one.
  public init(_ values: [Float], count: Int) {
    precondition(
      count > 0 && !values.isEmpty && values.count % count == 0, "\(values.count) numbers of \(count) profiles")
    self.count = count
    distances = values.count / count
    let distances = distances
    self.values = (0..<count).flatMap { values[$0 * distances..<($0 + 1) * distances].reversed() }
  }
}
