/// The sizes, the address and the kernel that a product needs of a packed matrix.
///
/// Threads copy one for each work item. Copying a `PackedMatrix` would count a reference up and down, in a place that
/// all threads write. The matrix keeps the memory of its panels alive. The address leaves this type only as a pointer,
/// whose use is `unsafe`.
@safe struct Panels: BitwiseCopyable, Sendable {
  // Safe because the memory is never written after packing.
  nonisolated(unsafe) private let base: UnsafeRawPointer
  /// The number of bytes from one panel to the next.
  let panelBytes: Int
  /// The number of rows of the matrix.
  let rows: Int
  /// The number of columns of the matrix.
  let columns: Int
  /// The kernel that multiplies with the panels.
  let product: PanelKernels.Product

  /// Panels that begin at `base`, one after another.
  init(base: UnsafeRawPointer, panelBytes: Int, rows: Int, columns: Int, product: PanelKernels.Product) {
    unsafe self.base = unsafe base
    self.panelBytes = panelBytes
    self.rows = rows
    self.columns = columns
    self.product = product
  }

  /// The number of panels, of which the last may have fewer rows.
  var count: Int { Self.count(rows: rows) }

  /// The number of panels that `rows` rows take.
  static func count(rows: Int) -> Int { (rows + PackedMatrix.panelRows - 1) / PackedMatrix.panelRows }

  /// All panels.
  var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count * panelBytes) }

  /// The first byte of a panel.
  func panel(_ index: Int) -> UnsafeRawPointer {
    precondition(index >= 0 && index < count, "panel \(index) of \(count)")
    return unsafe base + index * panelBytes
  }
}
