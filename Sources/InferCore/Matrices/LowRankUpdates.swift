/// What adapters add to the products of a matrix: to `x · Wᵀ` of those rows that have one, `(x · Aᵀ) · Bᵀ`.
final class LowRankUpdates: Sendable {
  /// What one adapter adds.
  struct Update: Sendable {
    /// `A`, `[rank × columns]`.
    let down: PackedMatrix
    /// `B`, with the adapter's factor, `[rows × rank]`.
    let up: PackedMatrix
  }

  /// By the adapters' indices; `nil` for those that leave the matrix as it is.
  let updates: [Update?]

  init(_ updates: [Update?]) { self.updates = updates }
}
