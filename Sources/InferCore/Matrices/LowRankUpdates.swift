/// The updates of a matrix by adapters: `(x · Aᵀ) · Bᵀ`, added to `x · Wᵀ` of those rows that have one.
final class LowRankUpdates: Sendable {
  /// The two matrices of one adapter.
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
