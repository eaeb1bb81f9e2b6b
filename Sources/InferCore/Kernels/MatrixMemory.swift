internal import CKernels
internal import Glibc

/// Sizes of a matrix memory.
package struct MatrixMemoryShape: Sendable {
  /// The number of heads.
  package let heads: Int
  /// The width of a query and of a key.
  package let keyDimension: Int
  /// The width of a value.
  package let valueDimension: Int

  /// Creates sizes.
  package init(heads: Int, keyDimension: Int, valueDimension: Int) {
    self.heads = heads
    self.keyDimension = keyDimension
    self.valueDimension = valueDimension
  }

  /// Memory and normaliser as linear attention: the normaliser is what the memory holds of a value that is always one.
  package var scan: ScanParameters {
    ScanParameters(
      linearAttention: heads, keyDimension: keyDimension, valueDimension: valueDimension + 1,
      rates: Array(repeating: -1, count: heads), dtBias: 0)
  }
}

/// The matrix memory of xLSTM over every run, with state from the run's start on to its captures and its end (mLSTM: Beck et al.
/// 2024, arXiv 2405.04517, eq. 19–27).
///
/// Per head, with `f = σ(forget)` and `i = exp(input)`: `C ← f C + i k ⊗ v`, `n ← f n + i k`,
/// `y = Cᵀ q / (max(|n·q|, 1) + ε exp(m))`, where `m ← max(ln f + m, input)`, by which implementations scale all three, is
/// part of what is computed through ε alone. Input gates are within a cap, so that nothing overflows without it.
///
/// - Parameters:
///   - q: `[step rows × heads · keyDimension]`, scaled.
///   - k: the same shape.
///   - v: `[step rows × heads · valueDimension]`.
///   - gates: `[step rows × 2 · heads]`: input gates, then forget gates, both before their functions.
///   - shape: the sizes.
///   - epsilon: ε.
///   - memory: recurrent state of ``ScanParameters/stateCount`` floats of the shape's scan.
///   - scale: recurrent state of a float a head: m.
///   - out: `[step rows × heads · valueDimension]`.
package func matrixMemory(
  q: Rows, k: Rows, v: Rows, gates: Rows, _ shape: MatrixMemoryShape, _ scan: ScanParameters, epsilon: Float,
  memory: StateHandle, scale: StateHandle, into out: inout MutableRows, _ step: borrowing Step
) {
  let (heads, width) = (shape.heads, shape.valueDimension)
  precondition(
    v.columns == heads * width && out.columns == v.columns && gates.columns == 2 * heads, "\(v.columns) of v")
  let inputs = step.take(rows: v.count, columns: heads * (width + 1))
  let steps = step.take(rows: v.count, columns: heads)
  var scales = step.take(rows: v.count, columns: heads)
  unsafe forEachRow(v.count, step) { row in
    let gate = unsafe gates.base + row * gates.stride
    for head in 0..<heads {
      let factor = unsafe expf(gate[head])
      let from = unsafe v.base + row * v.stride + head * width
      let to = unsafe inputs.base + row * inputs.stride + head * (width + 1)
      for column in 0..<width { unsafe to[column] = factor * from[column] }
      unsafe to[width] = factor
      // softplus(−f) = −ln σ(f)
      unsafe steps.base[row * steps.stride + head] = -gate[heads + head]
    }
  }
  recurrence(gates, state: scale, into: &scales, step) { _, gates, scales, state in
    for row in 0..<gates.count {
      let gate = gates[row]
      var result = scales.row(row)
      for head in 0..<heads {
        let forget = gate[heads + head]
        let logarithm = forget < -20 ? forget : -log1pf(expf(-forget))
        state[head] = max(logarithm + state[head], gate[head])
        result[head] = state[head]
      }
    }
  }
  var sums = step.take(rows: v.count, columns: heads * (width + 1))
  selectiveScan(x: inputs.rows, b: k, c: q, dt: steps.rows, scan, state: memory, into: &sums, step)
  unsafe forEachRow(v.count, step) { row in
    for head in 0..<heads {
      let from = unsafe sums.base + row * sums.stride + head * (width + 1)
      let to = unsafe out.base + row * out.stride + head * width
      let factor = unsafe 1 / (max(abs(from[width]), 1) + epsilon * expf(scales.base[row * scales.stride + head]))
      for column in 0..<width { unsafe to[column] = factor * from[column] }
    }
  }
}
