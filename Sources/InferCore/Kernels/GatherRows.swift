/// Row `i` of `out` becomes row `indices[i]` of a matrix, as floats, times `factor`: an embedding.
///
/// - Precondition: every index is a row of `table`.
package func gatherRows(
  of table: any RowTable, _ indices: [Int32], scale factor: Float, into out: inout MutableRows, _ step: borrowing Step
) {
  precondition(out.count == indices.count && out.columns == table.columns, "\(indices.count) rows for \(out.count)")
  step.report.work.weightBytes += indices.count * table.rowBytes
  unsafe forEachRow(indices.count, step) { row in
    unsafe table.unpackRow(Int(indices[row]), into: out.base + row * out.stride)
  }
  scale(&out, by: factor, step)
}

/// As ``gatherRows(of:_:scale:into:_:)``, where rows that `table` does not have become its row `substitute`.
package func gatherRows(
  of table: any RowTable, _ indices: [Int32], or substitute: Int, scale factor: Float, into out: inout MutableRows,
  _ step: borrowing Step
) {
  precondition(out.count == indices.count && out.columns == table.columns, "\(indices.count) rows for \(out.count)")
  precondition(0..<table.rows ~= substitute, "row \(substitute) of \(table.rows)")
  step.report.work.weightBytes += indices.count * table.rowBytes
  unsafe forEachRow(indices.count, step) { row in
    let index = Int(indices[row])
    unsafe table.unpackRow(0..<table.rows ~= index ? index : substitute, into: out.base + row * out.stride)
  }
  scale(&out, by: factor, step)
}

/// As ``gatherRows(of:_:scale:into:_:)``, where `table` begins with row `first` of a larger one: rows that it does not have
/// become zero.
package func gatherRows(
  of table: any RowTable, from first: Int, _ indices: [Int32], scale factor: Float, into out: inout MutableRows,
  _ step: borrowing Step
) {
  precondition(out.count == indices.count && out.columns == table.columns, "\(indices.count) rows for \(out.count)")
  unsafe forEachRow(indices.count, step) { row in
    let (index, target) = unsafe (Int(indices[row]) - first, out.base + row * out.stride)
    if 0..<table.rows ~= index {
      unsafe table.unpackRow(index, into: target)
    } else {
      unsafe target.update(repeating: 0, count: out.columns)
    }
  }
  scale(&out, by: factor, step)
}

/// Copies the rows whose logits are wanted, in the order of runs.
///
/// - Parameters:
///   - h: `[step rows × width]`.
///   - out: `[wanted rows × width]`.
package func gatherLogitRows(of h: Rows, into out: inout MutableRows, _ step: borrowing Step) {
  precondition(out.count == step.plan.logitRowCount, "\(out.count) wanted rows")
  gatherRows(of: h, into: &out, step) { $0.logits }
}

/// Copies the rows whose hidden states are wanted, in the order of runs; see ``gatherLogitRows(of:into:_:)``.
package func gatherHiddenRows(of h: Rows, into out: inout MutableRows, _ step: borrowing Step) {
  precondition(out.count == step.plan.hiddenRowCount, "\(out.count) wanted rows")
  gatherRows(of: h, into: &out, step) { $0.hidden }
}

private func gatherRows(
  of h: Rows, into out: inout MutableRows, _ step: borrowing Step, _ wanted: (Run) -> Range<Int>
) {
  precondition(out.columns == h.columns, "\(out.columns) columns of \(h.columns)")
  var next = 0
  for run in step.plan.runs {
    for row in wanted(run) {
      unsafe (out.base + next * out.stride).update(from: h.base + row * h.stride, count: h.columns)
      next += 1
    }
  }
}
