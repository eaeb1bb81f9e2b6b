/// Rows of a run up to a capture, or up to the run's end.
///
/// A kernel that looks at sequences computes the rows of a segment as it would those of a run, so that a capture rounds
/// as a cut into two steps does. Without captures a run is one segment.
struct RunSegment {
  /// The first row, of the step's.
  let first: Int
  /// The number of rows.
  let count: Int
  /// The slot that the state after the last row is captured in.
  let capture: Int32?

  /// Rows of the step.
  var rows: Range<Int> { first..<first + count }
}

extension StepPlan {
  /// Calls `body` for each segment of a run, in order.
  @inline(__always) func forEachSegment(of run: Run, _ body: (RunSegment) -> Void) {
    var first = run.tokens.lowerBound
    for index in run.captures {
      let end = run.tokens.lowerBound + captures[index].rows
      body(RunSegment(first: first, count: end - first, capture: captures[index].slot))
      first = end
    }
    let rest = run.tokens.upperBound - first
    if rest > 0 { body(RunSegment(first: first, count: rest, capture: nil)) }
  }

  /// Traps when captures are not in order, or when what one run reads or captures would depend on when others are
  /// computed.
  func checkStates() {
    for run in runs {
      var done = 0
      for index in run.captures {
        let capture = captures[index]
        precondition(
          capture.rows > done && capture.rows <= run.tokens.count,
          "a capture after \(capture.rows) rows of \(run.tokens.count), behind one after \(done)")
        precondition(
          !isSlotOfRun(capture.slot) && captures.count { $0.slot == capture.slot } == 1,
          "a capture in slot \(capture.slot), which is used in the step already")
        done = capture.rows
      }
      if case .copy(let slot) = run.start {
        precondition(
          !isSlotOfRun(slot) && !captures.contains { $0.slot == slot },
          "a start from slot \(slot), which is written in the step")
      }
    }
  }

  private func isSlotOfRun(_ slot: Int32) -> Bool { runs.contains { $0.slot == slot } }
}
