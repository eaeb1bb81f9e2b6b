/// Consecutive rows of a run.
struct RowTile {
  /// The run's number in the step.
  let run: Int
  /// The first row, counted from the run's first.
  let first: Int
  /// The number of rows.
  let count: Int
}

/// All runs of a step, cut into tiles, in the step's scratch.
@safe struct RowTiles: ~Escapable {
  /// The number of tiles.
  let count: Int
  private let base: UnsafeMutablePointer<RowTile>

  /// Cuts every run of `step` into tiles of at most `rowsPerTile` rows, in order.
  @_lifetime(borrow step)
  init(rowsPerTile: Int, _ step: borrowing Step) {
    let runs = step.plan.runs
    count = runs.reduce(0) { $0 + ($1.tokens.count + rowsPerTile - 1) / rowsPerTile }
    unsafe base = step.scratch.take(count, of: RowTile.self)
    var next = 0
    for index in runs.indices {
      for first in stride(from: 0, to: runs[index].tokens.count, by: rowsPerTile) {
        let rows = min(rowsPerTile, runs[index].tokens.count - first)
        unsafe base[next] = RowTile(run: index, first: first, count: rows)
        next += 1
      }
    }
  }

  subscript(index: Int) -> RowTile {
    precondition(index >= 0 && index < count, "tile \(index) of \(count)")
    return unsafe base[index]
  }
}
