/// Multiplies each head of every row by the transpose of a matrix of its own: `out[r, h] = x[r, h] · Aₕᵀ`.
///
/// A result is the same to the bit alone, among other rows, and with any number of threads.
///
/// - Parameters:
///   - x: `[rows × heads · inputStride]`, of each head as many columns as a matrix has.
///   - inputStride: columns of `x` from one head to the next.
///   - matrices: one a head, all of one shape and format.
///   - out: `[rows × heads · outputStride]`, of each head as many columns overwritten as a matrix has rows.
///   - outputStride: columns of `out` from one head to the next.
package func matmulHeads(
  _ x: Rows, every inputStride: Int, by matrices: [PackedMatrix], into out: inout MutableRows, every outputStride: Int,
  _ step: borrowing Step
) {
  let heads = matrices.count
  guard let first = matrices.first else { return }
  precondition(
    matrices.allSatisfy { $0.rows == first.rows && $0.columns == first.columns }, "heads of different shapes")
  precondition(x.columns == heads * inputStride && first.columns <= inputStride, "\(x.columns) columns, \(heads) heads")
  precondition(
    out.count == x.count && out.columns == heads * outputStride && first.rows <= outputStride,
    "\(out.count) × \(out.columns) for \(x.count) rows, \(heads) heads")
  step.report.work.addMatmul(rows: x.count, matrices)
  if let inputs = step.inputs {
    for (head, matrix) in matrices.enumerated() {
      inputs.add(x.columns(head * inputStride..<head * inputStride + matrix.columns), [matrix])
    }
  }
  let product = MatMul(rows: x.count, matrices: heads)
  let items = product.itemCount(first.panels)
  step.scoped {
    let form = first.format.panels.form
    let rounded: RoundedRows? = prepareHeads(x, every: inputStride, first.columns, if: form == .rounded, step)
    let split: SplitRows? = prepareHeads(x, every: inputStride, first.columns, if: form == .split, step)
    unsafe step.team.forEach(heads * items) { item, _ in
      let head = item / items
      let input =
        if form == .floats { ProductInput(floats: x.columns(head * inputStride..<(head + 1) * inputStride)) } else {
          ProductInput(rounded: rounded, split: split).from(row: head * x.count)
        }
      unsafe product.compute(
        item % items, matrices[head].panels, input, out: out.base + head * outputStride, outStride: out.stride)
    }
  }
}

/// Copies columns of each head of every row behind what another such row holds.
///
/// - Parameters:
///   - x: `[rows × heads · inputStride]`.
///   - columns: the columns of each head that are copied.
///   - out: `[rows × heads · outputStride]`.
///   - first: the column of each head that they go to.
package func copyHeads(
  _ x: Rows, every inputStride: Int, columns: Range<Int>, into out: inout MutableRows, every outputStride: Int,
  at first: Int, _ step: borrowing Step
) {
  let heads = x.columns / inputStride
  precondition(
    out.count == x.count && x.columns == heads * inputStride && out.columns == heads * outputStride
      && columns.upperBound <= inputStride && first + columns.count <= outputStride,
    "columns \(columns) of \(inputStride) at \(first) of \(outputStride)")
  unsafe forEachRow(x.count, step) { row in
    for head in 0..<heads {
      unsafe (out.base + row * out.stride + head * outputStride + first).update(
        from: x.base + row * x.stride + head * inputStride + columns.lowerBound, count: columns.count)
    }
  }
}

/// The first columns of every head of every row, prepared if they are wanted: all rows of a head, one head after another.
@_lifetime(borrow step)
private func prepareHeads<Block>(
  _ x: Rows, every stride: Int, _ columns: Int, if isWanted: Bool, _ step: borrowing Step
) -> PreparedRows<Block>? {
  guard isWanted else { return nil }
  let heads = x.columns / stride
  let prepared = PreparedRows<Block>(rows: heads * x.count, columns: columns, step)
  unsafe forEachRow(x.count, step) { row in
    for head in 0..<heads { unsafe prepared.set(head * x.count + row, x.base + row * x.stride + head * stride) }
  }
  return prepared
}
