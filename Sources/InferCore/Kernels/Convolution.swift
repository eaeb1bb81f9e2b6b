internal import CKernels

/// Causal depthwise convolution over each run, followed by SiLU unless that is not wanted, continuing from and updating
/// the run's history of inputs.
///
/// - Parameters:
///   - x: `[step rows × channels]`, the inputs.
///   - weight: `[taps × channels]`.
///   - bias: `[channels]`, or nothing.
///   - silu: whether SiLU follows.
///   - history: recurrent state of `(taps − 1) · channels` floats.
///   - out: `[step rows × channels]`.
package func causalConvolution(
  _ x: Rows, weight: [Float], bias: [Float]?, taps: Int, silu: Bool = true, history: StateHandle,
  into out: inout MutableRows, _ step: borrowing Step
) {
  let channels = x.columns
  precondition(weight.count == taps * channels && out.columns == channels && out.count == x.count, "\(channels)")
  precondition(bias.map { $0.count == channels } ?? true, "bias of \(bias?.count ?? 0) for \(channels) channels")
  for run in step.plan.runs {
    step.report.work.addRecurrence(
      rows: run.tokens.count, floats: (taps - 1) * channels, multiplyAddsPerRow: taps * channels)
  }
  step.scoped {
    for run in step.plan.runs where run.position == 0 {
      unsafe step.store.slot(run.slot, of: history).update(repeating: 0, count: (taps - 1) * channels)
    }
    let tiles = RowTiles(rowsPerTile: 16, step)
    unsafe weight.withUnsafeBufferPointer { weight in
      unsafe withOptionalPointer(bias) { bias in
        unsafe step.team.forEach(tiles.count) { item, _ in
          let tile = tiles[item]
          let run = step.plan.runs[tile.run]
          let first = run.tokens.lowerBound
          unsafe ck_causal_conv(
            out.base + first * out.stride, out.stride, x.base + first * x.stride, x.stride,
            step.store.slot(run.slot, of: history), weight.baseAddress, bias, tile.first, tile.first + tile.count,
            channels, taps, silu ? 1 : 0)
        }
      }
    }
    // After all tiles: the first of them read the old history.
    for run in step.plan.runs {
      unsafe ck_conv_history(
        step.store.slot(run.slot, of: history), x.base + run.tokens.lowerBound * x.stride, x.stride,
        run.tokens.count, channels, taps)
    }
  }
}

/// Calls `body` with the address of the elements, or with `nil`.
private func withOptionalPointer(_ values: [Float]?, _ body: (UnsafePointer<Float>?) -> Void) {
  guard let values else { return body(nil) }
  unsafe values.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
}
