internal import CKernels

/// Matrices of one shape whose panels lie one behind another in memory that somebody else owns, as in a file.
@safe struct StoredPanels: Sendable {
  /// The layout of the panels.
  let layout: PanelLayout
  /// The number of matrices.
  let count: Int
  /// The number of rows of each.
  let rows: Int
  /// The number of columns of each.
  let columns: Int
  // Safe because the memory is never written and `owner` keeps it alive.
  nonisolated(unsafe) let base: UnsafeRawPointer
  let owner: any AnyObject & Sendable

  private var kernels: PanelKernels { layout.format.panels }
  private var panelBytes: Int { kernels.size(columns) }
  private var panelsOfEach: Int { Panels.count(rows: rows) }

  /// The matrices, in place.
  ///
  /// - Precondition: the layout is the instruction set's.
  func inPlace() -> [PackedMatrix] {
    precondition(layout == .own(layout.format), "\(layout.name) in place")
    return unsafe matrices(at: base, owner)
  }

  /// The matrices in the layout of the instruction set, in memory of `arena`; without a team all weights are zeros.
  ///
  /// - Throws: ``ModelError/outOfMemory(_:)``; ``ModelError/cancelled`` within a megabyte of when `isCancelled` says so.
  func turned(
    in arena: WeightArena, team: ThreadTeam?, isCancelled: (@Sendable () -> Bool)? = nil
  ) throws(ModelError) -> [PackedMatrix] {
    let (panelBytes, total) = (panelBytes, count * panelsOfEach)
    let place = try unsafe arena.take(byteCount: total * panelBytes)
    let matrices = unsafe matrices(at: UnsafeRawPointer(place.base), place.owner)
    // Items of a quarter of a megabyte, as for packing.
    let perItem = max(1, (1 << 18) / max(1, panelBytes))
    try unsafe team?.forEach((total + perItem - 1) / perItem, unless: isCancelled) { item, _ in
      for index in item * perItem..<min(total, (item + 1) * perItem) {
        // Nobody else knows of the panels yet.
        unsafe turn(index, into: place.base + index * panelBytes)
      }
    }
    return matrices
  }

  /// The matrices whose panels begin at `base`.
  private func matrices(at base: UnsafeRawPointer, _ owner: any AnyObject & Sendable) -> [PackedMatrix] {
    (0..<count).map { index in
      let panels = unsafe Panels(
        base: base + index * panelsOfEach * panelBytes, panelBytes: panelBytes, rows: rows, columns: columns,
        product: kernels.product)
      return PackedMatrix(layout.format, panels, owner: owner)
    }
  }

  /// The number of weights that are NaN or infinite. O(count).
  func nonFiniteCount() -> Int {
    let panel = AlignedBuffer(byteCount: panelBytes)
    var row = [Float](repeating: 0, count: columns)
    var result = 0
    for index in 0..<count * panelsOfEach {
      unsafe turn(index, into: panel.base)
      for number in 0..<min(PackedMatrix.panelRows, rows - index % panelsOfEach * PackedMatrix.panelRows) {
        unsafe row.withUnsafeMutableBufferPointer { buffer in
          unsafe kernels.unpackRow(buffer.baseAddress, panel.base, number, columns)
          result += unsafe ck_count_nonfinite(buffer.baseAddress, columns)
        }
      }
    }
    return result
  }

  /// Writes a panel in the layout of the instruction set.
  private func turn(_ index: Int, into target: UnsafeMutableRawPointer) {
    let own = PanelLayout.own(layout.format)
    unsafe kernels.turn(target, own.columns, base + index * panelBytes, layout.columns, columns)
  }
}
