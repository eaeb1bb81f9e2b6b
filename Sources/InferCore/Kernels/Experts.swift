internal import CKernels

/// The routed experts of a mixture-of-experts layer: two linear maps each, with an activation between them.
package struct Experts: Sendable {
  /// What stands between the two maps.
  package enum Activation: Sendable {
    /// `silu(gate) · up`: the first map is a pair of matrices.
    case siluGated
    /// `gelu(gate) · up`, with the exact GELU.
    case geluGated
    /// `max(x, 0)²`: the first map is one matrix.
    case reluSquared
  }

  /// For each expert, the matrices of its first map: gate and up, or up alone.
  package let first: [[PackedMatrix]]
  /// For each expert, the one matrix of its second map.
  package let second: [[PackedMatrix]]
  /// The panels of all of these, one expert behind another.
  let firstPanels, secondPanels: [Panels]
  /// See ``Activation``.
  package let activation: Activation

  /// Creates experts of equal shapes.
  ///
  /// - Throws: ``ModelError/unsuitable(_:)`` when some maps of a kind round their activations and others do not.
  package init(first: [[PackedMatrix]], second: [PackedMatrix], activation: Activation) throws(ModelError) {
    precondition(!first.isEmpty && first.count == second.count, "\(first.count) first maps, \(second.count) second")
    precondition(first.allSatisfy { $0.count == first[0].count }, "experts with different numbers of matrices")
    self.first = first
    // Lists of one, made once: products take lists, and steps allocate nothing.
    self.second = second.map { [$0] }
    firstPanels = first.flatMap { $0.map(\.panels) }
    secondPanels = second.map(\.panels)
    self.activation = activation
    roundsInput = try Self.roundsActivations(first.flatMap { $0 })
    roundsHidden = try Self.roundsActivations(second)
  }

  /// Whether all of these read activations that are rounded to eight bits.
  private static func roundsActivations(_ matrices: [PackedMatrix]) throws(ModelError) -> Bool {
    let formats = matrices.map(\.format)
    let rounds = formats.contains { $0.panels.roundsActivations }
    if rounds, let floats = formats.first(where: { !$0.panels.roundsActivations }) {
      throw .unsuitable("experts of one layer are quantised, and some are \(floats.name); expected all or none")
    }
    return rounds
  }

  /// Number of experts.
  package var count: Int { second.count }
  /// Weights of one expert.
  package var parameterCountOfOne: Int { first[0].reduce(0) { $0 + $1.count } + second[0][0].count }

  /// Whether the first and the second maps read activations that are rounded to eight bits.
  let roundsInput: Bool
  let roundsHidden: Bool

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
    var first = step.take(rows: assignment.count, columns: experts.firstWidth)
    addWork(assignment, experts.first, step)
    groupedMatmul(gather(x, assignment, for: experts, step), assignment, by: experts.firstPanels, into: &first, step)
    var second = step.take(rows: assignment.count, columns: experts.outputWidth)
    addWork(assignment, experts.second, step)
    groupedMatmul(activate(first.rows, experts, step), assignment, by: experts.secondPanels, into: &second, step)
    addChoices(second.rows, assignment, selection.topK, into: &out, step)
  }
}

/// Adds up the weighted outputs of each row's experts.
private func addChoices(
  _ outputs: Rows, _ assignment: ExpertAssignment, _ topK: Int, into out: inout MutableRows, _ step: borrowing Step
) {
  unsafe forEachRow(out.count, step) { row in
    let sum = unsafe out.base + row * out.stride
    unsafe sum.update(repeating: 0, count: out.columns)
    for choice in 0..<topK {
      let (index, weight) = assignment.choice(choice, of: row)
      unsafe ck_add_scaled(sum, outputs.base + index * outputs.stride, weight, out.columns)
    }
  }
}

/// The rows of every expert, one expert after another, as the first map reads them.
@_lifetime(borrow step)
private func gather(
  _ x: Rows, _ assignment: ExpertAssignment, for experts: Experts, _ step: borrowing Step
) -> ProductInput {
  guard experts.roundsInput else {
    var gathered = step.take(rows: assignment.count, columns: x.columns)
    gather(x, assignment, into: &gathered, step)
    return ProductInput(floats: gathered.sealed())
  }
  // Every row goes to several experts: it is rounded once and copied rounded.
  let rounded = roundActivations(x, step)
  let gathered = RoundedRows(rows: assignment.count, columns: x.columns, step)
  unsafe forEachRow(assignment.count, step) { index in
    gathered.copy(index, from: rounded, row: assignment.row(at: index))
  }
  return ProductInput(rounded: gathered)
}

// Rows that one function both takes from the step and uses in a closure are put on the heap, so that is two functions.
private func gather(
  _ x: Rows, _ assignment: ExpertAssignment, into out: inout MutableRows, _ step: borrowing Step
) {
  unsafe forEachRow(assignment.count, step) { index in
    unsafe (out.base + index * out.stride).update(
      from: x.base + assignment.row(at: index) * x.stride, count: x.columns)
  }
}

/// The activation between the two maps, as the second map reads it.
@_lifetime(borrow step)
private func activate(_ first: Rows, _ experts: Experts, _ step: borrowing Step) -> ProductInput {
  let width = experts.hiddenWidth
  var hidden = step.take(rows: first.count, columns: width)
  guard experts.roundsHidden else {
    activate(first, experts.activation, nil, into: &hidden, step)
    return ProductInput(floats: hidden.sealed())
  }
  let rounded = RoundedRows(rows: first.count, columns: width, step)
  activate(first, experts.activation, rounded, into: &hidden, step)
  return ProductInput(rounded: rounded)
}

private func activate(
  _ first: Rows, _ activation: Experts.Activation, _ rounded: RoundedRows?, into out: inout MutableRows,
  _ step: borrowing Step
) {
  let width = out.columns
  unsafe forEachRow(first.count, step) { row in
    let from = unsafe first.base + row * first.stride
    let to = unsafe out.base + row * out.stride
    switch activation {
    case .siluGated: unsafe ck_silu_multiply(to, from, from + width, width)
    case .geluGated: unsafe ck_gelu_multiply(to, from, from + width, width)
    case .reluSquared:
      unsafe to.update(from: from, count: width)
      unsafe ck_relu_squared(to, width)
    }
    if let rounded { unsafe rounded.set(row, to) }
  }
}

/// Reports what multiplying each expert's rows by that expert's matrices takes.
private func addWork(_ assignment: ExpertAssignment, _ matrices: [[PackedMatrix]], _ step: borrowing Step) {
  for expert in matrices.indices {
    step.report.work.addMatmul(rows: assignment.rows(of: expert).count, matrices[expert])
  }
}

/// Multiplies each expert's rows by that expert's matrices, of which all experts have equally many; see
/// ``matmul(_:by:into:_:)``.
private func groupedMatmul(
  _ input: ProductInput, _ assignment: ExpertAssignment, by panels: [Panels], into out: inout MutableRows,
  _ step: borrowing Step
) {
  let each = panels.count / assignment.expertCount
  step.scoped {
    let items = assignment.itemStarts(step) { expert, rows in
      let product = MatMul(rows: rows)
      return (0..<each).reduce(0) { $0 + product.itemCount(panels[expert * each + $1]) }
    }
    unsafe step.team.forEach(items.total) { item, _ in
      let (expert, item) = items.locate(item)
      let rows = assignment.rows(of: expert)
      let product = MatMul(rows: rows.count)
      let (panels, column, index) = product.locate(item, count: each) { panels[expert * each + $0] }
      unsafe product.compute(
        index, panels, input.from(row: rows.lowerBound), out: out.base + rows.lowerBound * out.stride + column,
        outStride: out.stride)
    }
  }
}
