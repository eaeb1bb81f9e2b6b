/// Adds to products `x · Wᵀ` of matrices that share their input what adapters add to them: `(x · Aᵀ) · Bᵀ` of the rows
/// of each.
///
/// - Parameters:
///   - matrices: the matrices, of which some or all have updates.
///   - x: `[rows × columns of every matrix]`.
///   - groups: the rows of each adapter.
///   - out: `[rows × sum of the matrices' rows]`, the products.
func addUpdates(
  of matrices: [PackedMatrix], _ x: Rows, _ groups: AdaptedRows.Groups, _ out: inout MutableRows, _ step: borrowing Step
) {
  guard matrices.contains(where: { $0.updates != nil }) else { return }
  for group in groups.groups {
    // Parts of one tensor share what comes first.
    var downs: [PackedMatrix] = []
    for matrix in matrices {
      guard let down = matrix.updates?.updates[group.adapter]?.down, downs.last?.isSame(as: down) != true else {
        continue
      }
      downs.append(down)
    }
    guard !downs.isEmpty else { continue }
    let rows = group.range
    let scratch = step.scratch.mark
    defer { step.scratch.release(to: scratch) }
    let inputs = gatherRows(of: x, groups, group, step)
    var inner = step.take(rows: rows.count, columns: downs.reduce(0) { $0 + $1.rows })
    matmul(inputs, by: downs, into: &inner, step)
    var (column, innerColumn) = (0, 0)
    var last: PackedMatrix?
    for matrix in matrices {
      defer { column += matrix.rows }
      guard let update = matrix.updates?.updates[group.adapter] else { continue }
      if let last, !last.isSame(as: update.down) { innerColumn += last.rows }
      last = update.down
      step.scoped {
        var sum = step.take(rows: rows.count, columns: matrix.rows)
        matmul(inner.rows.columns(innerColumn..<innerColumn + update.down.rows), by: [update.up], into: &sum, step)
        unsafe forEachRow(rows.count, step) { index in
          let target = unsafe out.base + Int(groups.rows[rows.lowerBound + index]) * out.stride + column
          let source = unsafe sum.base + index * sum.stride
          for place in 0..<sum.columns { unsafe target[place] += source[place] }
        }
      }
    }
  }
}

/// The rows of a group: in place where they follow each other.
@_lifetime(copy x, borrow step)
private func gatherRows(
  of x: Rows, _ groups: AdaptedRows.Groups, _ group: AdaptedRows.Group, _ step: borrowing Step
) -> Rows {
  let range = group.range
  if groups.isOneRange(group) {
    let first = Int(groups.rows[range.lowerBound])
    return x.rows(first..<first + range.count)
  }
  let gathered = step.take(rows: range.count, columns: x.columns)
  for (index, row) in groups.rows[range].enumerated() {
    precondition(row < x.count, "row \(row) of \(x.count)")
    unsafe (gathered.base + index * gathered.stride).update(from: x.base + Int(row) * x.stride, count: x.columns)
  }
  return gathered.sealed()
}
