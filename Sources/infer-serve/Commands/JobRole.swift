import InferCore

/// What a process does in the MPI job that it is of.
enum JobRole {
  /// Serves, and computes alone, for the reasons of a plan where there was a choice.
  case alone(ParallelPlan?)
  /// Serves, and has others compute their shares.
  case leads(RankGrid, ParallelPlan?)
  /// Computes its share.
  case follows(RankGrid)
  /// Nothing: rank 0 computes alone.
  case unneeded

  /// The ranks that a rank which serves computes with; `nil` for none.
  var others: RankGrid? { if case .leads(let grid, _) = self { grid } else { nil } }

  /// What speaks for the choice that was made.
  var plan: ParallelPlan? {
    switch self {
    case .alone(let plan), .leads(_, let plan): plan
    case .follows, .unneeded: nil
    }
  }
}
