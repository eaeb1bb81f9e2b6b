internal import CKernels

/// Root-mean-square norm of groups of columns: each group of `weight.count / groups` columns is divided by its
/// own root mean square, then multiplied by its weights. One group is the usual norm (Zhang & Sennrich 2019,
/// arXiv 1910.07467, eq. 4).
package func rmsNorm(
  _ x: Rows, weight: [Float], epsilon: Float, groups: Int = 1, into out: inout MutableRows, _ step: borrowing Step
) {
  precondition(x.columns == weight.count && out.columns == x.columns && out.count == x.count, "norm of \(x.columns)")
  precondition(groups > 0 && weight.count % groups == 0, "\(weight.count) columns in \(groups) groups")
  let size = weight.count / groups
  unsafe weight.withUnsafeBufferPointer { weight in
    guard let weight = weight.baseAddress else { return }
    forEachRow(x.count, step) { row in
      for group in 0..<groups {
        let column = group * size
        unsafe ck_rms_norm(
          out.base + row * out.stride + column, x.base + row * x.stride + column, weight + column, epsilon, size)
      }
    }
  }
}

/// The same in place.
package func rmsNorm(
  _ x: inout MutableRows, weight: [Float], epsilon: Float, groups: Int = 1, _ step: borrowing Step
) {
  let rows = unsafe Rows(base: x.base, count: x.count, columns: x.columns, stride: x.stride, borrowing: step)
  rmsNorm(rows, weight: weight, epsilon: epsilon, groups: groups, into: &x, step)
}

/// Calls `body` for every row, a few rows an item; from this thread alone when there are too few to share.
func forEachRow(_ rows: Int, _ step: borrowing Step, _ body: (_ row: Int) -> Void) {
  let rowsPerItem = 8
  guard rows > rowsPerItem else {
    for row in 0..<rows { body(row) }
    return
  }
  step.team.forEach((rows + rowsPerItem - 1) / rowsPerItem) { item, _ in
    for row in item * rowsPerItem..<min(rows, (item + 1) * rowsPerItem) { body(row) }
  }
}

/// Normalises every head of `weight.count` columns of every row by itself, in place, all with the same weights.
package func rmsNormHeads(_ x: inout MutableRows, weight: [Float], epsilon: Float, _ step: borrowing Step) {
  precondition(x.columns % weight.count == 0, "\(x.columns) columns in heads of \(weight.count)")
  unsafe weight.withUnsafeBufferPointer { weight in
    guard let base = weight.baseAddress else { return }
    forEachRow(x.count, step) { row in
      for column in stride(from: 0, to: x.columns, by: weight.count) {
        let head = unsafe x.base + row * x.stride + column
        unsafe ck_rms_norm(head, head, base, epsilon, weight.count)
      }
    }
  }
}
