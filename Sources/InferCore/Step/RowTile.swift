/// Consecutive rows of a segment of a run.
struct RowTile {
  /// The run's number in the step.
  let run: Int
  /// The segment that the rows are of.
  let segment: RunSegment
  /// The first row, of the step's.
  let first: Int
  /// The number of rows.
  let count: Int

  /// The slot that the state after the last row is captured in.
  var capture: Int32? { first + count == segment.first + segment.count ? segment.capture : nil }
}

/// All runs of a step, cut into tiles, in the step's scratch.
@safe struct RowTiles: ~Escapable {
  /// The number of tiles.
  let count: Int
  private let base: UnsafeMutablePointer<RowTile>

  /// Cuts every segment of every run of `step` into tiles of at most `rowsPerTile` rows, in order.
  @_lifetime(borrow step)
  init(rowsPerTile: Int, _ step: borrowing Step) {
    let runs = step.plan.runs
    var total = 0
    for run in runs {
      step.plan.forEachSegment(of: run) { total += ($0.count + rowsPerTile - 1) / rowsPerTile }
    }
    let tiles = unsafe step.scratch.take(total, of: RowTile.self)
    var next = 0
    for index in runs.indices {
      step.plan.forEachSegment(of: runs[index]) { segment in
        for done in stride(from: 0, to: segment.count, by: rowsPerTile) {
          unsafe tiles[next] = RowTile(
            run: index, segment: segment, first: segment.first + done, count: min(rowsPerTile, segment.count - done))
          next += 1
        }
      }
    }
    count = total
    unsafe base = tiles
  }

  subscript(index: Int) -> RowTile {
    precondition(index >= 0 && index < count, "tile \(index) of \(count)")
    return unsafe base[index]
  }
}
