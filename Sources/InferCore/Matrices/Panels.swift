/// What a product reads of a packed matrix: plain numbers and addresses.
///
/// Threads that take work items copy one for each item. Copying a ``PackedMatrix`` would count a reference up and down,
/// in a place that all threads write. Whoever holds the matrix keeps the memory of its panels alive.
@safe struct Panels: BitwiseCopyable, Sendable {
  // Safe because the memory is never written after packing.
  nonisolated(unsafe) private let base: UnsafeRawPointer
  /// Bytes from one panel to the next.
  let panelBytes: Int
  /// Number of rows of the matrix.
  let rows: Int
  /// Number of its columns.
  let columns: Int
  /// Multiplies with them.
  let product: PanelKernels.Product

  /// Panels that begin at `base`, one behind another.
  init(base: UnsafeRawPointer, panelBytes: Int, rows: Int, columns: Int, product: PanelKernels.Product) {
    unsafe self.base = unsafe base
    self.panelBytes = panelBytes
    self.rows = rows
    self.columns = columns
    self.product = product
  }

  /// Number of panels; the last may have fewer rows than others.
  var count: Int { Self.count(rows: rows) }

  /// Number of panels of so many rows.
  static func count(rows: Int) -> Int { (rows + PackedMatrix.panelRows - 1) / PackedMatrix.panelRows }

  /// The first byte of a panel.
  func panel(_ index: Int) -> UnsafeRawPointer {
    precondition(index >= 0 && index < count, "panel \(index) of \(count)")
    return unsafe base + index * panelBytes
  }
}
