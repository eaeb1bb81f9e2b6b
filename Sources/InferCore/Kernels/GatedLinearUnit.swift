internal import CKernels

/// Gated linear recurrent units over every run, with state from the run's start on to its captures and its end (RG-LRU: De et
/// al. 2024, arXiv 2402.19427, §2.4).
///
/// Per channel, with the decay `a = exp(rate · σ(r))`: `h ← a h + √(1 − a²) · σ(i) · x`, `y = h`; for the first token of a
/// sequence the root is 1. Channels know nothing of each other, so that the bits do not depend on how a sequence is cut.
///
/// - Parameters:
///   - x: `[step rows × channels]`.
///   - inputGate: `[step rows × channels]`: i.
///   - decayGate: `[step rows × channels]`: r.
///   - rate: `[channels]`, below zero.
///   - state: recurrent state of a float a channel.
///   - out: `[step rows × channels]`.
package func gatedLinearUnit(
  _ x: Rows, inputGate: Rows, decayGate: Rows, rate: [Float], state: StateHandle, into out: inout MutableRows,
  _ step: borrowing Step
) {
  let channels = rate.count
  precondition(
    x.columns == channels && inputGate.columns == channels && decayGate.columns == channels
      && out.columns == channels, "\(x.columns) columns for \(channels) channels")
  step.report.work.addRecurrence(over: step.plan, floats: channels, multiplyAddsPerRow: 2 * channels)
  // Whole cache lines of channels, and not so few that an item is nothing.
  let width = 256
  let parts = (channels + width - 1) / width
  unsafe rate.withUnsafeBufferPointer { rate in
    guard let rate = rate.baseAddress else { return }
    // Last runs first: prompts stand behind decodes, and what ends last should be small.
    unsafe step.team.forEach(step.plan.runs.count * parts) { item, _ in
      let run = step.plan.runs[step.plan.runs.count - 1 - item / parts]
      let first = item % parts * width
      let count = min(width, channels - first)
      unsafe advance(run, state, offset: first, count: count, step) { rows, part in
        for row in rows {
          let isFirst = run.position + row - run.tokens.lowerBound == 0
          unsafe ck_gated_linear_unit(
            part, out.base + row * out.stride + first, x.base + row * x.stride + first,
            inputGate.base + row * inputGate.stride + first, decayGate.base + row * decayGate.stride + first,
            rate + first, isFirst ? 1 : 0, count)
        }
      }
    }
  }
}
