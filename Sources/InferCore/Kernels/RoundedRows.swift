internal import CKernels

/// Rows rounded to eight bits in blocks of 32 columns; valid as long as the scratch it was taken from.
@safe struct RoundedRows {
  /// Blocks of a row.
  let blocks: Int
  private let base: UnsafeMutablePointer<ck_activations>

  /// Uninitialised rows of `columns` columns.
  init(rows: Int, columns: Int, scratch: Scratch) {
    precondition(columns % 32 == 0, "\(columns) columns are no multiple of a block of 32")
    blocks = columns / 32
    unsafe base = scratch.take(rows * blocks, of: ck_activations.self)
  }

  private init(_ other: RoundedRows, row: Int) {
    blocks = other.blocks
    unsafe base = other.base + row * other.blocks
  }

  func row(_ index: Int) -> UnsafeMutablePointer<ck_activations> { unsafe base + index * blocks }

  func from(row: Int) -> RoundedRows { RoundedRows(self, row: row) }

  /// Rounds `values` into row `index`.
  func set(_ index: Int, _ values: UnsafePointer<Float>) {
    unsafe ck_quantize_activations(row(index), values, blocks * 32)
  }

  /// Copies a row of others.
  func copy(_ index: Int, from other: RoundedRows, row: Int) {
    unsafe self.row(index).update(from: other.row(row), count: blocks)
  }
}

/// Rounds all rows of `x`: once for all matrices that are multiplied with them.
func roundActivations(_ x: Rows, _ step: borrowing Step) -> RoundedRows {
  let rounded = RoundedRows(rows: x.count, columns: x.columns, scratch: step.scratch)
  forEachRow(x.count, step) { row in unsafe rounded.set(row, x.base + row * x.stride) }
  return rounded
}
