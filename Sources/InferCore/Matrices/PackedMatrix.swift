internal import CKernels

/// A weight matrix `[rows × columns]` as products read it: in panels of sixteen interleaved rows, in memory of its own.
///
/// A linear layer multiplies by its transpose: `rows` is the width of the output, `columns` that of the input. Copying
/// a packed matrix copies no weights.
@safe package struct PackedMatrix: Sendable {
  /// The number of rows of a panel.
  static let panelRows = Int(CK_PANEL_ROWS)

  /// The format of the weights.
  package let format: WeightFormat
  /// The number of rows: the width of a linear layer's output.
  package let rows: Int
  /// The number of columns: the width of its input.
  package let columns: Int
  /// The panels, in memory that `owner` keeps alive.
  let panels: Panels
  private let owner: any AnyObject & Sendable

  /// Packs a matrix into memory of `arena`, with the threads of `team`, O(count). Without a team all weights are zeros,
  /// which take no memory until they are read.
  ///
  /// - Throws: ``ModelError/outOfMemory(_:)``; ``ModelError/cancelled`` within a megabyte of when `isCancelled` says so.
  init(
    _ matrix: Matrix, in arena: WeightArena, team: ThreadTeam?, isCancelled: (@Sendable () -> Bool)? = nil
  ) throws(ModelError) {
    let kernels = matrix.format.panels
    format = matrix.format
    rows = matrix.rows
    columns = matrix.columns
    let panelBytes = kernels.size(matrix.columns)
    let panels = Panels.count(rows: matrix.rows)
    let place = try unsafe arena.take(byteCount: panels * panelBytes)
    // Items of about a megabyte: handing one out costs nothing beside packing it.
    let panelsPerItem = max(1, (1 << 20) / max(1, panelBytes))
    let items = (panels + panelsPerItem - 1) / panelsPerItem
    try unsafe team?.forEach(items, unless: isCancelled) { item, _ in
      for panel in item * panelsPerItem..<min(panels, (item + 1) * panelsPerItem) {
        let first = panel * Self.panelRows
        unsafe kernels.pack(
          place.base + panel * panelBytes, matrix.row(first), matrix.rowBytes,
          min(Self.panelRows, matrix.rows - first), matrix.columns)
      }
    }
    self.panels = unsafe Panels(
      base: UnsafeRawPointer(place.base), panelBytes: panelBytes, rows: matrix.rows, columns: matrix.columns,
      product: kernels.product)
    owner = unsafe place.owner
  }

  /// A matrix of 32-bit floats.
  ///
  /// - Precondition: `values.count == rows * columns`.
  /// - Throws: ``ModelError/outOfMemory(_:)``.
  package init(rows: Int, columns: Int, values: [Float]) throws(ModelError) {
    try self.init(Matrix(rows: rows, columns: columns, values: values), in: WeightArena(), team: ThreadTeam(count: 1))
  }

  /// The number of bytes of all rows in their format.
  package var byteCount: Int { rows * format.bytes(columns) }

  /// The number of weights.
  package var count: Int { rows * columns }

  /// All weights as floats, row-major. O(count); for inspection.
  package func floats() -> [Float] {
    unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      guard let base = buffer.baseAddress else { return }
      for row in 0..<rows { unsafe unpackRow(row, into: base + row * columns) }
      initialized = count
    }
  }
}
