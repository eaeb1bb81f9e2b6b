internal import CKernels

/// Rows of activations rounded to eight bits in blocks of 32 columns, in a step's scratch.
@safe struct RoundedRows: ~Escapable {
  /// The number of blocks of a row.
  let blocks: Int
  private let base: UnsafeMutablePointer<ck_activations>

  /// Uninitialised rows of `columns` columns.
  @_lifetime(borrow step)
  init(rows: Int, columns: Int, _ step: borrowing Step) {
    precondition(columns % 32 == 0, "\(columns) columns are no multiple of a block of 32")
    blocks = columns / 32
    unsafe base = step.scratch.take(rows * blocks, of: ck_activations.self)
  }

  @_lifetime(copy other)
  private init(_ other: RoundedRows, row: Int) {
    blocks = other.blocks
    unsafe base = other.base + row * other.blocks
  }

  /// The first block of a row.
  func row(_ index: Int) -> UnsafeMutablePointer<ck_activations> { unsafe base + index * blocks }

  /// The rows from `row` on.
  @_lifetime(copy self)
  func from(row: Int) -> RoundedRows { RoundedRows(self, row: row) }

  /// Rounds `values` into row `index`. Threads may set different rows at the same time.
  func set(_ index: Int, _ values: UnsafePointer<Float>) {
    unsafe ck_quantize_activations(row(index), values, blocks * 32)
  }

  /// Copies a row of others. Threads may copy to different rows at the same time.
  func copy(_ index: Int, from other: RoundedRows, row: Int) {
    unsafe self.row(index).update(from: other.row(row), count: blocks)
  }
}

/// Rounds all rows of `x`: once for all matrices that are multiplied with them.
@_lifetime(borrow step)
func roundActivations(_ x: Rows, _ step: borrowing Step) -> RoundedRows {
  let rounded = RoundedRows(rows: x.count, columns: x.columns, step)
  unsafe forEachRow(x.count, step) { row in unsafe rounded.set(row, x.base + row * x.stride) }
  return rounded
}
