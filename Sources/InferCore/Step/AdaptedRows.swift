/// The rows of a step whose sequences have an adapter, by adapter. Lists keep their capacity from step to step.
final class AdaptedRows {
  /// The rows of one adapter.
  struct Group {
    /// The adapter's index in the model.
    var adapter: Int
    /// The rows, as indices of the list of all rows.
    var range: Range<Int>
  }

  /// Rows in groups.
  struct Groups {
    /// The rows of all groups, one behind another, ascending within each.
    private(set) var rows: [Int32] = []
    private(set) var groups: [Group] = []

    /// Whether the rows of a group follow each other.
    func isOneRange(_ group: Group) -> Bool {
      Int(rows[group.range.upperBound - 1] - rows[group.range.lowerBound]) == group.range.count - 1
    }

    fileprivate mutating func fill(_ plan: StepPlan, _ adapters: [Int], _ wanted: (Run) -> Range<Int>) {
      rows.removeAll(keepingCapacity: true)
      groups.removeAll(keepingCapacity: true)
      for adapter in adapters {
        let first = rows.count
        var next = 0
        for run in plan.runs {
          let count = wanted(run).count
          if run.adapter == adapter { for row in next..<next + count { rows.append(Int32(row)) } }
          next += count
        }
        if rows.count > first { groups.append(Group(adapter: adapter, range: first..<rows.count)) }
      }
    }
  }

  /// All rows of the step.
  private(set) var all = Groups()
  /// The rows whose logits are wanted, as they stand in their matrix.
  private(set) var logits = Groups()
  private var adapters: [Int] = []

  /// Finds the rows of a plan. Returns whether there are any.
  func fill(_ plan: StepPlan) -> Bool {
    guard plan.runs.contains(where: { $0.adapter != nil }) else { return false }
    adapters.removeAll(keepingCapacity: true)
    for run in plan.runs {
      if let adapter = run.adapter, !adapters.contains(adapter) { adapters.append(adapter) }
    }
    all.fill(plan, adapters) { $0.tokens }
    logits.fill(plan, adapters) { $0.logits }
    return true
  }
}

/// The rows of a step that a product is computed of.
package enum ProductRows: Sendable {
  /// All of them.
  case all
  /// Those whose logits are wanted.
  case logits
}
