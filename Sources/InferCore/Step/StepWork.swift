/// The memory that a step has to touch and the arithmetic that it has to do, however well it is done: what its time
/// is judged by.
///
/// Counted once a step, whatever the caches hold and however often a kernel comes back: the bytes of every weight
/// matrix that has a row to multiply, of an expert only when a row is sent to it; the keys and values of every token
/// that is attended to; recurrent state, read and written. Vectors (norms, biases, taps of a convolution) and
/// activations are not counted: together they stay below a hundredth. Arithmetic is that of the recurrence for
/// scans, which their chunked form exceeds.
package struct StepWork: Sendable, Equatable {
  /// Bytes of weights read.
  package var weightBytes = 0
  /// Bytes of attention keys and values read.
  package var cacheBytes = 0
  /// Bytes of recurrent state, read and written.
  package var stateBytes = 0
  /// Multiplications with an addition each; a floating-point operation is half of one.
  package var multiplyAdds = 0

  /// No work.
  package init() {}

  /// All bytes.
  package var bytes: Int { weightBytes + cacheBytes + stateBytes }
  /// Floating-point operations.
  package var operations: Int { 2 * multiplyAdds }

  /// The work of both.
  package static func += (sum: inout StepWork, other: StepWork) {
    sum.weightBytes += other.weightBytes
    sum.cacheBytes += other.cacheBytes
    sum.stateBytes += other.stateBytes
    sum.multiplyAdds += other.multiplyAdds
  }

  /// Adds a product of `rows` rows with matrices; none when there are no rows.
  mutating func addMatmul(rows: Int, _ matrices: [PackedMatrix]) {
    guard rows > 0 else { return }
    for matrix in matrices {
      weightBytes += matrix.byteCount
      multiplyAdds += rows * matrix.count
    }
  }

  /// Adds causal attention of the last `rows` of `keys` tokens, each to those of its window: scores and weighted values,
  /// which take `width` multiplications together for a row and a key, and the cache read once.
  mutating func addAttention(rows: Int, keys: Int, window: Int?, width: Int, cacheBytesPerToken: Int) {
    let window = window ?? keys
    cacheBytes += min(keys, rows - 1 + window) * cacheBytesPerToken
    // Row i of the last sees keys − rows + i + 1 keys, those that see no more than their window first.
    let short = min(rows, max(0, window - (keys - rows)))
    multiplyAdds += width * (short * (keys - rows) + short * (short + 1) / 2 + (rows - short) * window)
  }

  /// Adds a recurrence over all runs of a plan, which reads `floats` of state of each and writes them at its end and at
  /// each capture, and does `multiplyAddsPerRow` of arithmetic for each token.
  mutating func addRecurrence(over plan: StepPlan, floats: Int, multiplyAddsPerRow: Int) {
    for run in plan.runs {
      stateBytes += (2 + run.captures.count) * floats * MemoryLayout<Float>.stride
      multiplyAdds += run.tokens.count * multiplyAddsPerRow
    }
  }
}
