/// Some rows of a run.
struct RowTile {
  let run: Int
  let first: Int
  let count: Int
}

/// All runs of a step, cut into tiles; valid as long as the scratch it was taken from.
@safe struct RowTiles {
  let count: Int
  private let base: UnsafeMutablePointer<RowTile>

  init(_ runs: [Run], rowsPerTile: Int, scratch: Scratch) {
    count = runs.reduce(0) { $0 + ($1.tokens.count + rowsPerTile - 1) / rowsPerTile }
    unsafe base = scratch.take(count, of: RowTile.self)
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

extension Step {
  /// Cuts every run into tiles of at most `rowsPerTile` rows, in order.
  borrowing func makeTiles(rowsPerTile: Int) -> RowTiles {
    RowTiles(plan.runs, rowsPerTile: rowsPerTile, scratch: scratch)
  }
}
