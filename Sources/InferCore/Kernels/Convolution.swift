internal import CKernels

/// Causal depthwise convolution over each run, followed by SiLU unless that is not wanted, with the history of inputs from
/// the run's start on to its captures and its end.
///
/// - Parameters:
///   - x: `[step rows × channels]`, the inputs.
///   - weight: `[taps × channels]`.
///   - bias: `[channels]`, or nothing.
///   - taps: the number of inputs of a channel that an output is made of, its own among them.
///   - silu: whether SiLU follows.
///   - history: recurrent state of `(taps − 1) · channels` floats: the last inputs.
///   - out: `[step rows × channels]`.
///   - step: the plan, and the state and threads to compute with.
public func causalConvolution(
  _ x: Rows, weight: [Float], bias: [Float]?, taps: Int, silu: Bool = true, history: StateHandle,
  into out: inout MutableRows, _ step: borrowing Step
) {
  let channels = x.columns
  step.checkRows(x.count)
  step.store.layout.expect(.recurrent(count: (taps - 1) * channels), at: history)
  precondition(weight.count == taps * channels && out.columns == channels && out.count == x.count, "\(channels)")
  precondition(bias.map { $0.count == channels } ?? true, "bias of \(bias?.count ?? 0) for \(channels) channels")
  step.report.work.addRecurrence(
    over: step.plan, floats: (taps - 1) * channels, multiplyAddsPerRow: taps * channels)
  step.scoped {
    for run in step.plan.runs where run.start == .zero {
      unsafe step.store.slot(run.slot, of: history).update(repeating: 0, count: (taps - 1) * channels)
    }
    let tiles = RowTiles(rowsPerTile: 16, step)
    unsafe weight.withUnsafeBufferPointer { weight in
      unsafe withOptionalPointer(bias) { bias in
        unsafe step.team.forEach(tiles.count) { item, _ in
          let tile = tiles[item]
          let run = step.plan.runs[tile.run]
          let row = run.tokens.lowerBound
          let end = tile.first + tile.count - row
          let earlier = unsafe step.store.slot(run.slotOfStart, of: history)
          unsafe ck_causal_conv(
            out.base + row * out.stride, out.stride, x.base + row * x.stride, x.stride, earlier, weight.baseAddress,
            bias, tile.first - row, end, channels, taps, silu ? 1 : 0)
          if let slot = tile.capture {
            unsafe ck_conv_history(
              step.store.slot(slot, of: history), earlier, x.base + row * x.stride, x.stride, end, channels, taps)
          }
        }
      }
    }
    // After all tiles, which read the history before the run.
    for run in step.plan.runs {
      unsafe ck_conv_history(
        step.store.slot(run.slot, of: history), step.store.slot(run.slotOfStart, of: history),
        x.base + run.tokens.lowerBound * x.stride, x.stride, run.tokens.count, channels, taps)
    }
  }
}

extension Run {
  /// The slot that holds the state before the run, once the run's own is zero where it is to start from that.
  fileprivate var slotOfStart: Int32 {
    if case .copy(let kept) = start { kept } else { slot }
  }
}

/// Calls `body` with the address of the elements, or with `nil`.
private func withOptionalPointer(_ values: [Float]?, _ body: (UnsafePointer<Float>?) -> Void) {
  guard let values else { return body(nil) }
  unsafe values.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
}
