internal import CKernels

/// The routed experts of a mixture-of-experts layer: two linear maps each, with an activation between them.
package struct Experts: Sendable {
  /// What stands between the two maps.
  package enum Activation: Sendable {
    /// `silu(gate) · up`: the first map is a pair of matrices.
    case siluGated
    /// `max(x, 0)²`: the first map is one matrix.
    case reluSquared
  }

  /// For each expert, the matrices of its first map: gate and up, or up alone.
  package let first: [[Matrix]]
  /// For each expert, the one matrix of its second map.
  package let second: [[Matrix]]
  /// See ``Activation``.
  package let activation: Activation

  /// Creates experts of equal shapes.
  package init(first: [[Matrix]], second: [Matrix], activation: Activation) {
    precondition(!first.isEmpty && first.count == second.count, "\(first.count) first maps, \(second.count) second")
    self.first = first
    // Lists of one, made once: products take lists, and steps allocate nothing.
    self.second = second.map { [$0] }
    self.activation = activation
  }

  /// Number of experts.
  package var count: Int { second.count }
  /// Weights of one expert.
  package var parameterCountOfOne: Int { first[0].reduce(0) { $0 + $1.count } + second[0][0].count }

  var firstWidth: Int { first[0].reduce(0) { $0 + $1.rows } }
  var hiddenWidth: Int { second[0][0].columns }
  var outputWidth: Int { second[0][0].rows }
}

/// Sends every row to the experts its logits choose and writes the weighted sum of their outputs.
///
/// Rows are sorted by expert, so that every expert with rows reads its weights once, for all of them. The sum over
/// a row's experts is taken in the order of choice: the result does not depend on the other rows.
///
/// - Parameters:
///   - x: `[step rows × input width]`.
///   - logits: `[step rows × experts]`, overwritten.
///   - out: `[step rows × output width]`, overwritten.
///   - layer: the layer's number in ``StepReport/expertRows``.
package func mixExperts(
  _ x: Rows, logits: inout MutableRows, _ selection: ExpertSelection, _ experts: Experts,
  into out: inout MutableRows, layer: Int, _ step: borrowing Step
) {
  precondition(logits.columns == experts.count && selection.expertCount == experts.count, "\(experts.count) experts")
  step.scoped {
    let assignment = ExpertAssignment(&logits, selection, step)
    for expert in 0..<experts.count {
      step.report.addExpertRows(
        assignment.rows(of: expert).count, layer: layer, expert: expert, expertCount: experts.count)
    }
    var gathered = step.take(rows: assignment.count, columns: x.columns)
    gather(x, assignment, into: &gathered, step)
    var first = step.take(rows: assignment.count, columns: experts.firstWidth)
    multiplyGrouped(gathered.rows, assignment, by: experts.first, into: &first, step)
    var second = step.take(rows: assignment.count, columns: experts.outputWidth)
    switch experts.activation {
    case .siluGated:
      // `gathered` is done with, and is often as wide; but not always, so take anew.
      var hidden = step.take(rows: assignment.count, columns: experts.hiddenWidth)
      siluGated(first.rows, into: &hidden, step)
      multiplyGrouped(hidden.rows, assignment, by: experts.second, into: &second, step)
    case .reluSquared:
      reluSquared(&first, step)
      multiplyGrouped(first.rows, assignment, by: experts.second, into: &second, step)
    }
    addChoices(second.rows, assignment, selection.topK, into: &out, step)
  }
}

/// Copies the rows in order of their experts.
private func gather(
  _ x: Rows, _ assignment: ExpertAssignment, into out: inout MutableRows, _ step: borrowing Step
) {
  forEachRow(assignment.count, step) { index in
    unsafe (out.base + index * out.stride).update(
      from: x.base + assignment.row(at: index) * x.stride, count: x.columns)
  }
}

/// Adds up the weighted outputs of each row's experts.
private func addChoices(
  _ outputs: Rows, _ assignment: ExpertAssignment, _ topK: Int, into out: inout MutableRows, _ step: borrowing Step
) {
  forEachRow(out.count, step) { row in
    let sum = unsafe out.base + row * out.stride
    unsafe sum.update(repeating: 0, count: out.columns)
    for choice in 0..<topK {
      let (index, weight) = assignment.choice(choice, of: row)
      unsafe ck_add_scaled(sum, outputs.base + index * outputs.stride, weight, out.columns)
    }
  }
}

/// Multiplies each expert's rows by that expert's matrices; see ``multiply(_:by:into:_:)``.
private func multiplyGrouped(
  _ x: Rows, _ assignment: ExpertAssignment, by matrices: [[Matrix]], into out: inout MutableRows,
  _ step: borrowing Step
) {
  for expert in matrices.indices {
    step.report.work.addProduct(rows: assignment.rows(of: expert).count, matrices[expert])
  }
  step.scoped {
    var workspaceCount = 0
    let tiles = assignment.tileStarts(step) { expert, rows in
      let product = MatMul(rows: rows)
      workspaceCount = max(workspaceCount, product.workspaceCount(columns: x.columns))
      return matrices[expert].reduce(0) { $0 + product.tileCount($1) }
    }
    let workspace = step.take(rows: step.team.count, columns: workspaceCount)
    step.team.forEach(tiles.total) { item, worker in
      let (expert, tile) = tiles.locate(item)
      let rows = assignment.rows(of: expert)
      let product = MatMul(rows: rows.count)
      let (matrix, column, range) = product.locate(tile, in: matrices[expert])
      unsafe product.compute(
        x: x.base + rows.lowerBound * x.stride, xStride: x.stride, matrix.rows(range),
        out: out.base + rows.lowerBound * out.stride + column + range.lowerBound, outStride: out.stride,
        workspace: workspace.base + worker * workspace.stride)
    }
  }
}
