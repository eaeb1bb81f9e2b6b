/// Computes a recurrence over every run, with state from the run's start on to its captures and its end: what a mixer of your
/// own needs that carries something from token to token.
///
/// The state and the output are cut into equal parts that know nothing of each other, such as heads or channels. The threads of
/// the step compute them side by side; within a part, the tokens of a sequence follow one another, in runs as the scheduler
/// cuts them, and at captures for the prefix cache. `body` sees none of that: it is given the state before the first row, and
/// leaves there the state after the last.
///
/// - Parameters:
///   - x: `[step rows × any number of columns]`: all that a token's update and output are made of, such as the outputs of
///     several projections side by side.
///   - state: recurrent state, see ``StateKind/recurrent(count:)``, whose floats `parts` divides. 32-bit.
///   - parts: the number of parts.
///   - out: `[step rows × columns]`, whose columns `parts` divides.
///   - step: the step.
///   - body: computes rows of one sequence that follow each other, on any thread of the step's team. It is given the number of
///     the part, those rows of `x` with all columns, the same rows of `out` with the part's columns, uninitialised, and the
///     part's floats of the state, in place.
/// - Complexity: As many calls as there are runs and captures, times `parts`.
public func recurrence(
  _ x: Rows, state: StateHandle, parts: Int = 1, into out: inout MutableRows, _ step: borrowing Step,
  _ body: @Sendable (_ part: Int, _ x: Rows, _ out: inout MutableRows, _ state: inout MutableSpan<Float>) -> Void
) {
  step.checkRows(x.count)
  step.checkRows(out.count)
  let count = step.store.layout.recurrentCount(of: state)
  precondition(
    parts > 0 && count % parts == 0 && out.columns % parts == 0,
    "\(count) floats, \(out.columns) columns, \(parts) parts")
  // A decay and an update of every float, for a token.
  step.report.work.addRecurrence(over: step.plan, floats: count, multiplyAddsPerRow: 2 * count)
  let (floats, columns, stride) = (count / parts, out.columns / parts, out.stride)
  let base = unsafe out.base
  // Last runs first: prompts stand behind decodes, and what ends last should be small.
  unsafe step.team.forEach(step.plan.runs.count * parts) { item, _ in
    let run = step.plan.runs[step.plan.runs.count - 1 - item / parts]
    let part = item % parts
    unsafe advance(run, state, offset: part * floats, count: floats, step) { rows, start in
      var target = unsafe MutableRows(
        base: base + rows.lowerBound * stride + part * columns, count: rows.count, columns: columns, stride: stride,
        borrowing: step)
      var values = unsafe MutableSpan(_unsafeStart: start, count: floats)
      body(part, x.rows(rows), &target, &values)
    }
  }
}
