internal import CKernels

/// Sizes and constants of a Mamba-1 scan, whose decay differs from channel to channel.
package struct ChannelScanParameters: Sendable {
  /// The number of channels.
  package let channels: Int
  /// The state size of a channel, `N`.
  package let stateSize: Int
  /// The constants of each block of ``blockWidth`` channels, in the order of their use: decay rates `[N × channels]`,
  /// then biases of Δ, then skip weights.
  let constants: [Float]

  static let blockWidth = Int(CK_SCAN_CHANNELS)

  /// Creates parameters.
  ///
  /// - Parameters:
  ///   - stateSize: state size of a channel, `N`.
  ///   - a: decay rates `A = −exp(A_log)`, `[channels × N]`.
  ///   - d: skip weight per channel.
  ///   - dtBias: added to Δ before the softplus, per channel.
  package init(stateSize: Int, a: [Float], d: [Float], dtBias: [Float]) {
    channels = d.count
    self.stateSize = stateSize
    precondition(a.count == d.count * stateSize && dtBias.count == d.count, "constants for \(d.count) channels")
    var constants: [Float] = []
    constants.reserveCapacity(channels * (stateSize + 2))
    for first in stride(from: 0, to: channels, by: Self.blockWidth) {
      let block = first..<min(first + Self.blockWidth, channels)
      for index in 0..<stateSize { constants += block.map { a[$0 * stateSize + index] } }
      constants += dtBias[block]
      constants += d[block]
    }
    self.constants = constants
  }

  /// The number of floats of a sequence's state.
  package var stateCount: Int { channels * stateSize }

  var blockCount: Int { (channels + Self.blockWidth - 1) / Self.blockWidth }
}

/// The selective scan of Mamba-1 over every run, with its gate, with state from the run's start on to its captures and
/// its end (Gu & Dao 2023, arXiv 2312.00752, algorithm 2).
///
/// Per channel: `S ← exp(Δ·A) ∘ S + Δ x B`, `y = (S·C + D x) · silu(z)`, with `Δ = softplus(dt + dt_bias)`. Decay is a
/// vector here, so that there is no form in matrix products: tokens follow one another, channels side by side, and the
/// bits do not depend on how a sequence is cut into runs. State is 32-bit, blocks of channels one after another.
///
/// - Parameters:
///   - x: `[step rows × channels]`.
///   - dt: `[step rows × channels]`, before bias and softplus.
///   - gate: `[step rows × channels]`: z.
///   - b: `[step rows × N]`.
///   - c: `[step rows × N]`.
///   - state: recurrent state of ``ChannelScanParameters/stateCount`` floats.
///   - out: `[step rows × channels]`.
package func channelScan(
  x: Rows, dt: Rows, gate: Rows, b: Rows, c: Rows, _ parameters: ChannelScanParameters, state: StateHandle,
  into out: inout MutableRows, _ step: borrowing Step
) {
  let (channels, n, width) = (parameters.channels, parameters.stateSize, ChannelScanParameters.blockWidth)
  precondition(x.columns == channels && dt.columns == channels && gate.columns == channels, "\(x.columns) channels")
  precondition(b.columns == n && c.columns == n && out.columns == channels, "\(b.columns) of B for a state of \(n)")
  step.report.work.addRecurrence(
    over: step.plan, floats: parameters.stateCount, multiplyAddsPerRow: 2 * parameters.stateCount)
  // A block of one token is too little to hand out by itself.
  let blocksPerItem = step.plan.runs.contains { $0.tokens.count > 4 } ? 1 : 8
  let itemsPerRun = (parameters.blockCount + blocksPerItem - 1) / blocksPerItem
  unsafe parameters.constants.withUnsafeBufferPointer { constants in
    guard let constants = constants.baseAddress else { return }
    // Last runs first: prompts stand behind decodes, and what ends last should be small.
    unsafe step.team.forEach(step.plan.runs.count * itemsPerRun) { item, _ in
      let run = step.plan.runs[step.plan.runs.count - 1 - item / itemsPerRun]
      let first = item % itemsPerRun * blocksPerItem
      for block in first..<min(first + blocksPerItem, parameters.blockCount) {
        let channel = block * width
        let count = min(width, channels - channel)
        let rates = unsafe constants + channel * (n + 2)
        let bias = unsafe rates + count * n
        unsafe advance(run, state, offset: channel * n, count: count * n, step) { segment, blockState in
          let row = segment.lowerBound
          var inputs = unsafe ck_selective_inputs(
            x: rows(x, row, channel), dt: rows(dt, row, channel), z: rows(gate, row, channel), b: rows(b, row, 0),
            c: rows(c, row, 0))
          unsafe ck_selective_scan(
            blockState, out.base + row * out.stride + channel, out.stride, &inputs, rates, bias, bias + count,
            segment.count, count, n)
        }
      }
    }
  }
}

/// The address and the stride of rows from a row and a column on.
private func rows(_ rows: Rows, _ row: Int, _ column: Int) -> ck_rows {
  unsafe ck_rows(base: rows.base + row * rows.stride + column, stride: rows.stride)
}
