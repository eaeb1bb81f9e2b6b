/// Calls `body` for every row, a few rows an item; from this thread alone when there are too few to share.
///
/// Unsafe as ``ThreadTeam/forEach(_:_:)`` is: what a call writes must belong to its row alone.
@unsafe func forEachRow(_ rows: Int, _ step: borrowing Step, _ body: (_ row: Int) -> Void) {
  let rowsPerItem = 8
  guard rows > rowsPerItem else {
    for row in 0..<rows { body(row) }
    return
  }
  unsafe step.team.forEach((rows + rowsPerItem - 1) / rowsPerItem) { item, _ in
    for row in item * rowsPerItem..<min(rows, (item + 1) * rowsPerItem) { body(row) }
  }
}
