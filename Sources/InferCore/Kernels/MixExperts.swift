internal import CKernels

/// Sends every row to the experts its logits choose and writes the weighted sum of their outputs.
///
/// Rows are sorted by expert, so that every expert with rows reads its weights once, for all of them. The sum over
/// a row's experts is taken in the order of choice: the result does not depend on the other rows. Where other ranks have
/// some of the experts, it is the sum over those that are here.
///
/// - Parameters:
///   - x: `[step rows × input width]`.
///   - logits: `[step rows × experts]`, overwritten.
///   - out: `[step rows × output width]`, overwritten.
package func mixExperts(
  _ x: Rows, logits: inout MutableRows, _ selection: ExpertSelection, _ experts: Experts,
  into out: inout MutableRows, _ step: borrowing Step
) {
  precondition(
    logits.columns == selection.expertCount && selection.expertCount == experts.count + selection.passingCount
      && (selection.passingCount == 0 || x.columns == out.columns), "\(experts.count) experts")
  step.scoped {
    let assignment = ExpertAssignment(&logits, selection, experts, step)
    step.report.addExpertRows(layer: experts.layer, expertCount: experts.count) { expert in
      assignment.rowCount(at: experts.places[expert])
    }
    guard assignment.count > 0 else {
      // All chosen experts are on other ranks, or pass on what they see.
      let none = step.take(rows: 0, columns: experts.outputWidth)
      return addChoices(none.rows, x, assignment, selection.topK, into: &out, step)
    }
    var first = step.take(rows: assignment.count, columns: experts.firstWidth)
    addWork(assignment, experts.first, step)
    if step.inputs != nil { addInputs(x, assignment, experts, step) }
    groupedMatmul(gather(x, assignment, for: experts, step), assignment, by: experts.firstPanels, into: &first, step)
    if let biases = experts.biases { addBiases(biases.first, assignment, to: &first, step) }
    var second = step.take(rows: assignment.count, columns: experts.outputWidth)
    addWork(assignment, experts.second, step)
    groupedMatmul(
      activate(first.rows, assignment, experts, step), assignment, by: experts.secondPanels, into: &second, step)
    if let biases = experts.biases { addBiases(biases.second, assignment, to: &second, step) }
    addChoices(second.rows, x, assignment, selection.topK, into: &out, step)
  }
}

/// Adds to the rows of each expert the expert's own of `biases`, `[experts × columns]`.
private func addBiases(
  _ biases: [Float], _ assignment: ExpertAssignment, to out: inout MutableRows, _ step: borrowing Step
) {
  let columns = out.columns
  precondition(biases.count == assignment.expertCount * columns, "\(biases.count) biases for \(columns) columns")
  unsafe biases.withUnsafeBufferPointer { biases in
    guard let base = biases.baseAddress else { return }
    unsafe step.team.forEach(assignment.expertCount) { expert, _ in
      for row in assignment.rows(of: expert) {
        unsafe ck_add_scaled(out.base + row * out.stride, base + expert * columns, 1, columns)
      }
    }
  }
}

/// Adds up the weighted outputs of each row's experts, which are the row of `x` where an expert passes it on: of several ranks,
/// the first adds that.
private func addChoices(
  _ outputs: Rows, _ x: Rows, _ assignment: ExpertAssignment, _ topK: Int, into out: inout MutableRows,
  _ step: borrowing Step
) {
  let isFirst = step.ranks?.rank ?? 0 == 0
  unsafe forEachRow(out.count, step) { row in
    let sum = unsafe out.base + row * out.stride
    unsafe sum.update(repeating: 0, count: out.columns)
    for choice in 0..<topK {
      let (output, weight) = assignment.choice(choice, of: row)
      switch output {
      case .here(let place):
        unsafe ck_add_scaled(sum, outputs.base + place * outputs.stride, weight, out.columns)
      case .passed where isFirst: unsafe ck_add_scaled(sum, x.base + row * x.stride, weight, out.columns)
      case .passed, .elsewhere: break
      }
    }
  }
}

/// The rows of every expert, one expert after another, as input of the first map.
@_lifetime(borrow step)
private func gather(
  _ x: Rows, _ assignment: ExpertAssignment, for experts: Experts, _ step: borrowing Step
) -> ProductInput {
  // Every row goes to several experts: it is prepared once and copied.
  let rounded: RoundedRows? = gather(x, assignment, if: experts.inputForms.contains(.rounded), step)
  let split: SplitRows? = gather(x, assignment, if: experts.inputForms.contains(.split), step)
  guard experts.inputForms.contains(.floats) else { return ProductInput(rounded: rounded, split: split) }
  var gathered = step.take(rows: assignment.count, columns: x.columns)
  gather(x, assignment, into: &gathered, step)
  return ProductInput(floats: gathered.sealed(), rounded: rounded, split: split)
}

@_lifetime(borrow step)
private func gather<Block>(
  _ x: Rows, _ assignment: ExpertAssignment, if isWanted: Bool, _ step: borrowing Step
) -> PreparedRows<Block>? {
  guard let prepared: PreparedRows<Block> = prepare(x, if: isWanted, step) else { return nil }
  let gathered = PreparedRows<Block>(rows: assignment.count, columns: x.columns, step)
  unsafe forEachRow(assignment.count, step) { index in
    gathered.copy(index, from: prepared, row: assignment.row(at: index))
  }
  return gathered
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

/// The activation between the two maps, as input of the second map.
@_lifetime(borrow step)
private func activate(
  _ first: Rows, _ assignment: ExpertAssignment, _ experts: Experts, _ step: borrowing Step
) -> ProductInput {
  let width = experts.hiddenWidth
  var hidden = step.take(rows: first.count, columns: width)
  let rounded: RoundedRows? = rows(first.count, width, if: experts.hiddenForms.contains(.rounded), step)
  let split: SplitRows? = rows(first.count, width, if: experts.hiddenForms.contains(.split), step)
  activate(first, experts.activation, rounded, split, into: &hidden, step)
  if let inputs = step.inputs {
    for expert in experts.second.indices {
      inputs.add(hidden.rows.rows(assignment.rows(of: expert)), experts.second[expert])
    }
  }
  return ProductInput(floats: hidden.sealed(), rounded: rounded, split: split)
}

/// Uninitialised rows, if they are wanted.
@_lifetime(borrow step)
private func rows<Block>(
  _ count: Int, _ columns: Int, if isWanted: Bool, _ step: borrowing Step
) -> PreparedRows<Block>? {
  if isWanted { PreparedRows(rows: count, columns: columns, step) } else { nil }
}

private func activate(
  _ first: Rows, _ activation: Experts.Activation, _ rounded: RoundedRows?, _ split: SplitRows?,
  into out: inout MutableRows, _ step: borrowing Step
) {
  let width = out.columns
  unsafe forEachRow(first.count, step) { row in
    let from = unsafe first.base + row * first.stride
    let to = unsafe out.base + row * out.stride
    if activation == .reluSquared {
      unsafe to.update(from: from, count: width)
      unsafe ck_relu_squared(to, width)
    } else {
      unsafe activation.apply(from, from + width, into: to, width)
    }
    if let rounded { unsafe rounded.set(row, to) }
    if let split { unsafe split.set(row, to) }
  }
}

/// Adds to the sums of each expert's first map the rows that go to it.
private func addInputs(_ x: Rows, _ assignment: ExpertAssignment, _ experts: Experts, _ step: borrowing Step) {
  step.scoped {
    var gathered = step.take(rows: assignment.count, columns: x.columns)
    gather(x, assignment, into: &gathered, step)
    for expert in experts.first.indices {
      step.inputs?.add(gathered.rows.rows(assignment.rows(of: expert)), experts.first[expert])
    }
  }
}

/// Reports the work of multiplying each expert's rows by that expert's matrices.
private func addWork(_ assignment: ExpertAssignment, _ matrices: [[PackedMatrix]], _ step: borrowing Step) {
  var work = StepWork()
  for expert in matrices.indices { work.addMatmul(rows: assignment.rows(of: expert).count, matrices[expert]) }
  step.report.work += work
}

/// Multiplies each expert's rows by that expert's matrices, of which all experts have equally many; see
/// ``matmul(_:by:into:precision:_:)``.
private func groupedMatmul(
  _ input: ProductInput, _ assignment: ExpertAssignment, by panels: [Panels], into out: inout MutableRows,
  _ step: borrowing Step
) {
  let each = panels.count / assignment.expertCount
  step.scoped {
    let items = assignment.itemStarts(step) { expert, rows in
      let product = MatMul(rows: rows, matrices: panels.count)
      return (0..<each).reduce(0) { $0 + product.itemCount(panels[expert * each + $1]) }
    }
    unsafe step.team.forEach(items.total) { item, _ in
      let (expert, item) = items.locate(item)
      let rows = assignment.rows(of: expert)
      let product = MatMul(rows: rows.count, matrices: panels.count)
      let (panels, column, index) = product.locate(item, count: each) { panels[expert * each + $0] }
      unsafe product.compute(
        index, panels, input.from(row: rows.lowerBound), out: out.base + rows.lowerBound * out.stride + column,
        outStride: out.stride)
    }
  }
}
