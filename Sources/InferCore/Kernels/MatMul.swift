/// Multiplies rows by the transposes of matrices that share their input, side by side:
/// `out[r] = [x[r] · A₀ᵀ | x[r] · A₁ᵀ | …]`.
///
/// Fused projections (query, key and value; gate and up) are one call. A result is the same to the bit alone, among
/// other rows, and with any number of threads.
///
/// Adapters' products follow, for the rows of one adapter at a time: two narrow ones each.
///
/// - Parameters:
///   - x: `[rows × columns of every matrix]`.
///   - out: `[rows × sum of the matrices' rows]`, overwritten.
///   - precision: how much of `x` is kept where the instruction set splits it.
///   - rows: the rows of the step that `x` is of. Adapters add to those of sequences that have one.
package func matmul(
  _ x: Rows, by matrices: [PackedMatrix], into out: inout MutableRows, precision: ProductPrecision = .usual,
  of rows: ProductRows = .all, _ step: borrowing Step
) {
  let width = matrices.reduce(0) { $0 + $1.rows }
  precondition(out.count == x.count && out.columns == width, "\(out.count) × \(out.columns) for \(x.count) × \(width)")
  for matrix in matrices {
    precondition(x.columns == matrix.columns, "input of \(x.columns) columns for a matrix of \(matrix.columns)")
  }
  step.report.work.addMatmul(rows: x.count, matrices)
  if let inputs = step.inputs { inputs.add(x, matrices) }
  // Neighbours whose columns stand in the same order share their input, which most have as it is.
  var (first, column) = (0, 0)
  while first < matrices.count {
    let order = matrices[first].columnOrder
    var (end, width) = (first, 0)
    while end < matrices.count, matrices[end].columnOrder === order {
      width += matrices[end].rows
      end += 1
    }
    let range = first..<end
    step.scoped {
      let base = unsafe out.base + column
      guard let order else {
        return unsafe multiply(x, by: matrices[range], out: base, outStride: out.stride, precision, step)
      }
      var ordered = step.take(rows: x.count, columns: x.columns)
      gatherColumns(of: x, order, into: &ordered, step)
      unsafe multiply(ordered.rows, by: matrices[range], out: base, outStride: out.stride, precision, step)
    }
    (first, column) = (end, column + width)
  }
  if let adapted = step.adapted { addUpdates(of: matrices, x, rows == .all ? adapted.all : adapted.logits, &out, step) }
}

/// Multiplies rows by the transposes of matrices whose columns stand as theirs do.
private func multiply(
  _ x: Rows, by matrices: ArraySlice<PackedMatrix>, out: UnsafeMutablePointer<Float>, outStride: Int,
  _ precision: ProductPrecision, _ step: borrowing Step
) {
  let product = MatMul(rows: x.count, matrices: matrices.count)
  let items = matrices.reduce(0) { $0 + product.itemCount($1.panels) }
  let input = ProductInput(x, in: matrices.activationForms, precision, step)
  // Items are separate parts of `out`, so no two of them write the same float.
  unsafe step.team.forEach(items) { item, _ in
    let (panels, column, index) = product.locate(item, count: matrices.count) {
      matrices[matrices.startIndex + $0].panels
    }
    unsafe product.compute(index, panels, input, out: out + column, outStride: outStride)
  }
}

/// Copies rows, each with its columns in another order.
private func gatherColumns(
  of x: Rows, _ order: ColumnOrder, into out: inout MutableRows, _ step: borrowing Step
) {
  precondition(order.indices.count == x.columns && out.columns == x.columns, "\(order.indices.count) of \(x.columns)")
  unsafe forEachRow(x.count, step) { row in
    let (from, to) = unsafe (x.base + row * x.stride, out.base + row * out.stride)
    for (place, column) in order.indices.enumerated() { unsafe to[place] = from[Int(column)] }
  }
}

/// A product of matrices with a given number of input rows, cut into work items.
struct MatMul {
  /// The maximum number of input rows of an item: rounded to eight bits or as floats, they stay in the second-level
  /// cache while panel after panel, each in the first-level cache, is multiplied with them.
  static let rowsPerItem = 128
  /// The bytes of weights of an item when there are few rows and reading weights takes most of the time: enough that
  /// handing an item out costs nothing, few enough that a thread that loses its core delays the others little.
  static let bytesPerItem = 64 << 10
  /// The number of panels that kernels take at once. Items have a multiple of it.
  static let panelGroup = 4

  /// The number of items that the products of a region are cut into at least, where they have rows for it: so many that
  /// threads end at about the same time.
  static let itemsPerRegion = 64
  /// The fewest input rows of an item that rows are cut for: weights are read once an item.
  static let fewestRowsPerItem = 32

  /// The number of input rows.
  let rows: Int
  /// The number of matrices that are multiplied in the same region, by as many rows each.
  let matrices: Int

  /// The number of items along the input rows, over which tiles of rows are spread evenly.
  private func rowBlocks(_ panels: Panels) -> Int {
    // Too few to be cut, as one sequence's are at each step.
    guard rows >= 2 * Self.fewestRowsPerItem else { return min(rows, 1) }
    let wanted = Self.itemsPerRegion / max(1, panelBlocks(panels) * matrices)
    return max((rows + Self.rowsPerItem - 1) / Self.rowsPerItem, min(rows / Self.fewestRowsPerItem, wanted))
  }

  /// The number of items along the rows of a matrix.
  private func panelBlocks(_ panels: Panels) -> Int {
    let perItem = panelsPerItem(panels)
    return (panels.count + perItem - 1) / perItem
  }

  private func panelsPerItem(_ panels: Panels) -> Int {
    let groups = rows > 16 ? 1 : Self.bytesPerItem / max(1, panels.panelBytes * Self.panelGroup)
    return max(1, groups) * Self.panelGroup
  }

  /// The number of items of one matrix.
  func itemCount(_ panels: Panels) -> Int { panelBlocks(panels) * rowBlocks(panels) }

  /// The panels, the first column of their matrix in the output, and the number within the matrix, of item `item` of
  /// `count` matrices.
  func locate(
    _ item: Int, count: Int, panels: (_ index: Int) -> Panels
  ) -> (panels: Panels, column: Int, item: Int) {
    var item = item
    var column = 0
    for index in 0..<count {
      let panels = panels(index)
      let items = itemCount(panels)
      if item < items { return (panels, column, item) }
      item -= items
      column += panels.rows
    }
    preconditionFailure("item \(item) past the last matrix")
  }

  /// Computes item `item` of a product, whose first output is at `out`.
  func compute(
    _ item: Int, _ panels: Panels, _ input: ProductInput, out: UnsafeMutablePointer<Float>, outStride: Int
  ) {
    let perItem = panelsPerItem(panels)
    let rowBlocks = rowBlocks(panels)
    let firstPanel = item / rowBlocks * perItem
    let firstOutput = firstPanel * PackedMatrix.panelRows
    let outputs = min(perItem * PackedMatrix.panelRows, panels.rows - firstOutput)
    let block = item % rowBlocks
    let tileRows = InstructionSet.tileRows
    let tiles = (rows + tileRows - 1) / tileRows
    let first = tiles * block / rowBlocks * tileRows
    let end = min(rows, tiles * (block + 1) / rowBlocks * tileRows)
    unsafe input.matmul(
      first..<end, panels, panel: firstPanel, outputs: outputs,
      out: out + first * outStride + firstOutput, outStride: outStride)
  }
}
