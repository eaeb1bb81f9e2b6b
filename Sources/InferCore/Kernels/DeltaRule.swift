internal import CKernels

/// Sizes of a gated delta rule.
package struct DeltaRuleShape: Sendable {
  /// The number of value heads, `H`; see ``keyHead(of:)``.
  package let heads: Int
  /// The number of heads of queries and keys.
  package let keyHeads: Int
  /// The number of channels of a query and of a key, `K`.
  package let keyDimension: Int
  /// The number of channels of a value, `V`.
  package let valueDimension: Int

  /// Whether value heads are tiled: the first value heads of all key heads come first, then the second ones, and so on;
  /// otherwise the value heads of a key head stand side by side.
  package let tilesValues: Bool

  /// Creates sizes; key heads divide value heads.
  package init(heads: Int, keyHeads: Int, keyDimension: Int, valueDimension: Int, tilesValues: Bool = false) {
    precondition(heads % keyHeads == 0, "\(heads) value heads share \(keyHeads) key heads")
    self.heads = heads
    self.keyHeads = keyHeads
    self.keyDimension = keyDimension
    self.valueDimension = valueDimension
    self.tilesValues = tilesValues
  }

  /// The key head that a value head `h` uses: `h / (H / keyHeads)`, or where values are tiled, `h mod keyHeads`.
  package func keyHead(of head: Int) -> Int { tilesValues ? head % keyHeads : head / (heads / keyHeads) }

  /// The width of queries and of keys.
  package var keyWidth: Int { keyHeads * keyDimension }
  /// The width of values and of outputs.
  package var valueWidth: Int { heads * valueDimension }
  /// The width of queries, keys and values side by side.
  package var channels: Int { 2 * keyWidth + valueWidth }
  /// The number of floats of a sequence's state: `[H × K × V]`.
  package var stateCount: Int { heads * valueDimension * keyDimension }
}

/// The gated delta rule over every run, with state from the run's start on to its captures and its end.
///
/// Per head, with decays `a` of the key's channels: `S ← S·diag(a)`, `S ← S + β (v − S k) ⊗ k`, `y = S q`. With one
/// decay a head it is Gated DeltaNet (Yang, Kautz & Hatamizadeh 2024, arXiv 2412.06464, eq. 10), with one a channel
/// Kimi Delta Attention (Kimi Team 2025, arXiv 2510.26692, eq. 1). Segments of a few tokens follow the recurrence;
/// longer ones its chunked form, which solves a triangular system for the values that the tokens of a chunk write (ibid.,
/// §3.1; Yang et al. 2024, arXiv 2406.06484). Work is cut by head, so that a head's state stays in cache from the first
/// token to the last. State is 32-bit.
///
/// - Parameters:
///   - q: `[step rows × keyHeads·K]`, normalised and scaled.
///   - k: `[step rows × keyHeads·K]`, normalised.
///   - v: `[step rows × H·V]`.
///   - decay: factors from 0 to 1, `[step rows × H]` or `[step rows × H·K]`.
///   - beta: `[step rows × H]`, the fraction of the value under a key that is replaced.
///   - shape: the sizes.
///   - state: recurrent state of ``DeltaRuleShape/stateCount`` floats.
///   - chunkLength: tokens of a chunk; results differ by rounding only.
///   - out: `[step rows × H·V]`.
package func gatedDeltaRule(
  q: Rows, k: Rows, v: Rows, decay: Rows, beta: Rows, _ shape: DeltaRuleShape, state: StateHandle,
  chunkLength: Int = DeltaChunk.usualLength, into out: inout MutableRows, _ step: borrowing Step
) {
  let heads = shape.heads
  precondition(q.columns == shape.keyWidth && k.columns == q.columns, "\(q.columns) and \(k.columns) of q and k")
  precondition(v.columns == shape.valueWidth && out.columns == v.columns, "\(v.columns) of v")
  precondition(beta.columns == heads, "\(beta.columns) of beta for \(heads) heads")
  let decaysOfHead = decay.columns / heads
  precondition(
    decay.columns % heads == 0 && (decaysOfHead == 1 || decaysOfHead == shape.keyDimension), "\(decay.columns) decays")
  // A token changes every float of the state (decay and update) and multiplies it with k and with q.
  step.report.work.addRecurrence(
    over: step.plan, floats: shape.stateCount, multiplyAddsPerRow: 3 * shape.stateCount)
  let chunk = DeltaChunk(shape, length: chunkLength)
  step.scoped {
    let workspace = step.take(rows: step.team.count, columns: chunk.workspaceCount)
    // Last runs first: prompts stand behind decodes, and what ends last should be small.
    unsafe step.team.forEach(step.plan.runs.count * heads) { item, worker in
      let run = step.plan.runs[step.plan.runs.count - 1 - item / heads]
      let head = item % heads
      let keyColumn = shape.keyHead(of: head) * shape.keyDimension
      let valueColumn = head * shape.valueDimension
      let count = shape.valueDimension * shape.keyDimension
      unsafe advance(run, state, offset: head * count, count: count, step) { rows, headState in
        let row = rows.lowerBound
        let inputs = unsafe DeltaInputs(
          q: q.base + row * q.stride + keyColumn, qStride: q.stride, k: k.base + row * k.stride + keyColumn,
          kStride: k.stride, v: v.base + row * v.stride + valueColumn, vStride: v.stride,
          decay: decay.base + row * decay.stride + head * decaysOfHead, decayStride: decay.stride,
          isPerChannel: decaysOfHead > 1, beta: beta.base + row * beta.stride + head, betaStride: beta.stride,
          out: out.base + row * out.stride + valueColumn, outStride: out.stride)
        unsafe chunk.run(
          inputs, rows: rows.count, state: headState, workspace: workspace.base + worker * workspace.stride)
      }
    }
  }
}

/// Decays of a gated recurrence from its inputs, of which none is below `exp(bound)`: `x = exp(bound · σ(rate · (x + bias)))`,
/// column by column.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - bias: `[columns]`.
///   - rate: `[columns]`.
///   - bound: below zero.
package func boundedDecay(
  _ x: inout MutableRows, bias: [Float], rate: [Float], bound: Float, _ step: borrowing Step
) {
  precondition(bias.count == x.columns && rate.count == x.columns, "\(rate.count) rates for \(x.columns) columns")
  unsafe bias.withUnsafeBufferPointer { bias in
    unsafe rate.withUnsafeBufferPointer { rate in
      unsafe forEachRow(x.count, step) { row in
        let values = unsafe x.base + row * x.stride
        unsafe ck_bounded_decay(values, values, bias.baseAddress, rate.baseAddress, bound, x.columns)
      }
    }
  }
}

/// Decays of a gated recurrence from its inputs: `x = exp(rate · softplus(x + bias))`, column by column.
///
/// - Parameters:
///   - x: `[rows × columns]`.
///   - bias: `[columns]`.
///   - rate: `[columns]`, negative.
package func softplusDecay(_ x: inout MutableRows, bias: [Float], rate: [Float], _ step: borrowing Step) {
  precondition(bias.count == x.columns && rate.count == x.columns, "\(rate.count) rates for \(x.columns) columns")
  unsafe bias.withUnsafeBufferPointer { bias in
    unsafe rate.withUnsafeBufferPointer { rate in
      unsafe forEachRow(x.count, step) { row in
        let values = unsafe x.base + row * x.stride
        unsafe ck_softplus_decay(values, values, bias.baseAddress, rate.baseAddress, x.columns)
      }
    }
  }
}
