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
