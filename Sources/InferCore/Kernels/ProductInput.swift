internal import CKernels

/// Rows of activations as products of matrices read them, in one form or several.
@safe struct ProductInput: ~Escapable {
  private let floats: UnsafePointer<Float>?
  private let stride: Int
  private let rounded: RoundedRows?
  private let split: SplitRows?
  /// How many of the parts of split rows are multiplied.
  private let parts: Int32

  /// Rows as floats, and as they were prepared.
  @_lifetime(copy floats, copy rounded, copy split)
  init(floats: Rows, rounded: RoundedRows? = nil, split: SplitRows? = nil, _ precision: ProductPrecision = .usual) {
    unsafe self.floats = unsafe floats.base
    stride = floats.stride
    self.rounded = rounded
    self.split = split
    parts = precision.parts
  }

  /// Rows as they were prepared.
  @_lifetime(copy rounded, copy split)
  init(rounded: RoundedRows?, split: SplitRows?) {
    unsafe floats = nil
    stride = 0
    self.rounded = rounded
    self.split = split
    parts = ProductPrecision.usual.parts
  }

  /// Rows as floats and in all other of the forms, which are prepared.
  @_lifetime(copy floats, borrow step)
  init(_ floats: Rows, in forms: ActivationForms, _ precision: ProductPrecision, _ step: borrowing Step) {
    self.init(
      floats: floats, rounded: prepare(floats, if: forms.contains(.rounded), step),
      split: prepare(floats, if: forms.contains(.split), step), precision)
  }

  @_lifetime(copy other)
  private init(_ other: ProductInput, row: Int) {
    unsafe floats = other.floats.map { unsafe $0 + row * other.stride }
    stride = other.stride
    parts = other.parts
    rounded = if let rounded = other.rounded { rounded.from(row: row) } else { nil }
    split = if let split = other.split { split.from(row: row) } else { nil }
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
    case .split(let product):
      guard let split else { preconditionFailure("no split rows for weights that multiply these") }
      unsafe product(
        out, outStride, split.row(rows.lowerBound), split.chunkStride, panels.panel(panel), outputs, panels.columns,
        rows.count, parts)
    }
  }
}
