internal import CKernels

/// Rows of activations as products read them: as floats, rounded to eight bits, or both.
@safe struct ProductInput {
  private let floats: UnsafePointer<Float>?
  private let stride: Int
  private let rounded: RoundedRows?

  /// Rows whose memory outlives this value.
  init(floats: Rows? = nil, rounded: RoundedRows?) {
    if let floats {
      unsafe self.floats = unsafe floats.base
      stride = floats.stride
    } else {
      unsafe self.floats = nil
      stride = 0
    }
    self.rounded = rounded
  }

  /// The same from row `row` on.
  func from(row: Int) -> ProductInput { ProductInput(self, row: row) }

  private init(_ other: ProductInput, row: Int) {
    unsafe floats = other.floats.map { unsafe $0 + row * other.stride }
    stride = other.stride
    rounded = other.rounded.map { $0.from(row: row) }
  }

  /// `out[t, r] = x[t] · row r` for the given rows of activations and `outputs` rows of weights from a panel on.
  func multiply(
    _ rows: Range<Int>, _ panels: Panels, panel: Int, outputs: Int, out: UnsafeMutablePointer<Float>, outStride: Int
  ) {
    switch panels.product {
    case .floats(let product):
      guard let floats = unsafe floats else { preconditionFailure("no floats for weights that multiply floats") }
      unsafe product(
        out, outStride, floats + rows.lowerBound * stride, stride, panels.panel(panel), outputs, panels.columns,
        rows.count)
    case .rounded(let product):
      guard let rounded else { preconditionFailure("no rounded rows for weights that multiply these") }
      unsafe product(
        out, outStride, rounded.row(rows.lowerBound), rounded.blocks, panels.panel(panel), outputs, panels.columns,
        rows.count)
    }
  }
}

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
