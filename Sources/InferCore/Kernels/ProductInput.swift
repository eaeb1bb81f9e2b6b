internal import CKernels

/// Rows of activations as products of matrices read them: as floats, rounded to eight bits, or both.
@safe struct ProductInput: ~Escapable {
  private let floats: UnsafePointer<Float>?
  private let stride: Int
  private let rounded: RoundedRows?

  /// Rows as floats.
  @_lifetime(copy floats)
  init(floats: Rows) {
    unsafe self.floats = unsafe floats.base
    stride = floats.stride
    rounded = nil
  }

  /// Rows that are rounded.
  @_lifetime(copy rounded)
  init(rounded: RoundedRows) {
    unsafe floats = nil
    stride = 0
    self.rounded = rounded
  }

  /// Rows as floats and rounded.
  @_lifetime(copy floats, copy rounded)
  init(floats: Rows, rounded: RoundedRows) {
    unsafe self.floats = unsafe floats.base
    stride = floats.stride
    self.rounded = rounded
  }

  @_lifetime(copy other)
  private init(_ other: ProductInput, row: Int) {
    unsafe floats = other.floats.map { unsafe $0 + row * other.stride }
    stride = other.stride
    rounded = if let rounded = other.rounded { rounded.from(row: row) } else { nil }
  }

  /// The rows from `row` on.
  @_lifetime(copy self)
  func from(row: Int) -> ProductInput { ProductInput(self, row: row) }

  /// `out[t, r] = x[t] · row r` for the given rows of activations and `outputs` rows of weights from a panel on.
  func matmul(
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
        out, outStride, rounded.row(rows.lowerBound), rounded.chunkStride, panels.panel(panel), outputs, panels.columns,
        rows.count)
    }
  }
}
