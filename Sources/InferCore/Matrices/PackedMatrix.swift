internal import CKernels

/// A weight matrix `[rows × columns]` as products read it: in panels of sixteen interleaved rows, in memory of its own or
/// in a mapped file.
///
/// A linear layer multiplies by its transpose: `rows` is the width of the output, `columns` that of the input. Copying
/// a packed matrix copies no weights.
@safe package struct PackedMatrix: Sendable {
  /// The number of rows of a panel.
  package static let panelRows = Int(CK_PANEL_ROWS)

  /// The format of the weights.
  package let format: WeightFormat
  /// The number of rows: the width of a linear layer's output.
  package let rows: Int
  /// The number of columns: the width of its input.
  package let columns: Int
  /// The panels, in memory that `owner` keeps alive.
  let panels: Panels
  private let owner: any AnyObject & Sendable
  /// The order of its columns, where that is another than their own.
  package var columnOrder: ColumnOrder?
  /// The updates of its products by adapters; `nil` for none.
  var updates: LowRankUpdates?

  init(_ format: WeightFormat, _ panels: Panels, owner: any AnyObject & Sendable) {
    self.format = format
    rows = panels.rows
    columns = panels.columns
    self.panels = panels
    self.owner = owner
  }

  /// Packs a matrix into memory of `arena`, with the threads of `team`, O(count). Without a team all weights are zeros,
  /// which take no memory until they are read.
  ///
  /// - Throws: ``ModelError/outOfMemory(_:)``; ``ModelError/cancelled`` within a megabyte of when `isCancelled` says so.
  init(
    _ matrix: Matrix, in arena: WeightArena, team: ThreadTeam?, isCancelled: (@Sendable () -> Bool)? = nil
  ) throws(ModelError) {
    self = try Self.pack([matrix], in: arena, team: team, isCancelled: isCancelled)[0]
  }

  /// Packs matrices of one format and shape, as the initialiser does with one: all in one region, since those of experts
  /// are small. Where another format is wanted, a panel's rows are quantised just before they are packed.
  ///
  /// - Parameters:
  ///   - matrices: the matrices.
  ///   - target: the format of the panels; by default that of the matrices.
  ///   - name: the tensor's name, for errors.
  ///   - importance: the importance of the tensor's columns, and the number of each matrix within the tensor; `nil` for weights
  ///     that count alike.
  ///   - arena: where the panels' memory comes from.
  ///   - team: the threads; without a team all weights are zeros.
  ///   - isCancelled: a closure that says whether to leave off.
  /// - Throws: as the initialiser, and ``ModelError/tensor(name:reason:)`` when the weights are quantised already, or when
  ///   some are no finite numbers or beyond the format's range.
  static func pack(
    _ matrices: [Matrix], as target: WeightFormat? = nil, name: String = "",
    importance: (of: ColumnImportance, places: [Int])? = nil, in arena: WeightArena, team: ThreadTeam?,
    isCancelled: (@Sendable () -> Bool)? = nil
  ) throws(ModelError) -> [PackedMatrix] {
    guard let first = matrices.first else { return [] }
    let format = target ?? first.format
    let conversion =
      format == first.format
      ? nil
      : try FormatConversion(
        from: first.format, to: format, columns: first.columns, of: name, importance: importance?.of,
        workers: team?.count ?? 0)
    let kernels = format.panels
    let panelBytes = kernels.size(first.columns)
    let perMatrix = Panels.count(rows: first.rows)
    var packed: [PackedMatrix] = []
    packed.reserveCapacity(matrices.count)
    for matrix in matrices {
      precondition(
        matrix.format == first.format && matrix.rows == first.rows && matrix.columns == first.columns,
        "matrices of one shape")
      let place = try unsafe arena.take(byteCount: perMatrix * panelBytes)
      let panels = unsafe Panels(
        base: UnsafeRawPointer(place.base), panelBytes: panelBytes, rows: matrix.rows, columns: matrix.columns,
        product: kernels.product)
      packed.append(unsafe PackedMatrix(format, panels, owner: place.owner))
    }
    // Items of a quarter of a megabyte: handing one out costs nothing beside packing it.
    let perItem = max(1, (1 << 18) / max(1, panelBytes))
    let total = perMatrix * matrices.count
    try unsafe team?.forEach((total + perItem - 1) / perItem, unless: isCancelled) { item, worker in
      for index in item * perItem..<min(total, (item + 1) * perItem) {
        let (number, panel) = index.quotientAndRemainder(dividingBy: perMatrix)
        let matrix = matrices[number]
        let rows = panel * Self.panelRows..<min(matrix.rows, (panel + 1) * Self.panelRows)
        let source =
          unsafe conversion?.convert(rows, of: matrix, place: importance?.places[number] ?? 0, worker: worker)
          ?? matrix.row(rows.lowerBound)
        // Nobody else knows of the panels yet.
        unsafe kernels.pack(
          UnsafeMutableRawPointer(mutating: packed[number].panels.panel(panel)), source, format.bytes(matrix.columns),
          rows.count, matrix.columns)
      }
    }
    try conversion?.checkAllFinite()
    return packed
  }

  /// A matrix of 32-bit floats.
  ///
  /// - Precondition: `values.count == rows * columns`.
  /// - Throws: ``ModelError/outOfMemory(_:)``.
  package init(rows: Int, columns: Int, values: [Float]) throws(ModelError) {
    try self.init(Matrix(rows: rows, columns: columns, values: values), in: WeightArena(), team: ThreadTeam(count: 1))
  }

  /// The number of bytes of all rows in panels, but for what rounds these up.
  package var byteCount: Int { rows * format.packedBytes(columns) }

  /// The number of weights.
  package var count: Int { rows * columns }

  /// Whether both are one matrix in memory.
  func isSame(as other: PackedMatrix) -> Bool { unsafe panels.panel(0) == other.panels.panel(0) }

  /// All weights as floats, row-major. O(count); for inspection.
  package func floats() -> [Float] {
    unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      guard let base = buffer.baseAddress else { return }
      for row in 0..<rows { unsafe unpackRow(row, into: base + row * columns) }
      initialized = count
    }
  }
}
