/// Takes a part of a run's recurrent state, which one work item computes, through the run: from the run's start, a
/// segment at a time, with a copy at each capture.
///
/// - Parameters:
///   - run: a run of the step.
///   - state: the piece of recurrent state.
///   - offset: the first float of the part.
///   - count: the number of floats of the part.
///   - body: computes the rows of a segment, from the state before the first to that after the last, in place.
@inline(__always) func advance(
  _ run: Run, _ state: StateHandle, offset: Int, count: Int, _ step: borrowing Step,
  _ body: (_ rows: Range<Int>, _ state: UnsafeMutablePointer<Float>) -> Void
) {
  let part = unsafe step.store.slot(run.slot, of: state) + offset
  switch run.start {
  case .slot: break
  case .zero: unsafe part.update(repeating: 0, count: count)
  case .copy(let kept): unsafe part.update(from: step.store.slot(kept, of: state) + offset, count: count)
  }
  step.plan.forEachSegment(of: run) { segment in
    unsafe body(segment.rows, part)
    if let slot = segment.capture {
      unsafe (step.store.slot(slot, of: state) + offset).update(from: part, count: count)
    }
  }
}
