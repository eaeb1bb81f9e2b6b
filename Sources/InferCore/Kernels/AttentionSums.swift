internal import Glibc

/// Attention of query rows to a range of keys, before the division by the sum of the weights.
@unsafe struct AttentionSums {
  /// `[rows × headDimension]`: weighted values.
  let values: UnsafeMutablePointer<Float>
  /// `[rows × 2]`: the largest score, and the sum of the weights relative to it.
  let state: UnsafeMutablePointer<Float>
  let headDimension: Int

  init(values: UnsafeMutablePointer<Float>, state: UnsafeMutablePointer<Float>, headDimension: Int) {
    unsafe self.values = unsafe values
    unsafe self.state = unsafe state
    unsafe self.headDimension = headDimension
  }

  /// Sums of `rows` rows in one piece of memory of ``storedCount(rows:headDimension:)`` floats.
  init(stored: UnsafeMutablePointer<Float>, rows: Int, headDimension: Int) {
    unsafe self.init(values: stored, state: stored + rows * headDimension, headDimension: headDimension)
  }

  /// The number of floats of the sums of `rows` rows.
  static func storedCount(rows: Int, headDimension: Int) -> Int { rows * (headDimension + 2) }

  /// Copies the sums of `rows` rows.
  func copy(rows: Int, to other: AttentionSums) {
    unsafe other.values.update(from: values, count: rows * headDimension)
    unsafe other.state.update(from: state, count: 2 * rows)
  }

  /// Adds another part's sums of one row.
  func add(_ other: AttentionSums, row: Int) {
    let (mine, its) = unsafe (state[2 * row], other.state[2 * row])
    let largest = max(mine, its)
    // A part that the row sees nothing of has no largest score.
    guard its > -.infinity else { return }
    let (keep, take) = (expf(mine - largest), expf(its - largest))
    unsafe state[2 * row] = largest
    unsafe state[2 * row + 1] = keep * state[2 * row + 1] + take * other.state[2 * row + 1]
    for index in unsafe row * headDimension..<(row + 1) * headDimension {
      unsafe values[index] = keep * values[index] + take * other.values[index]
    }
  }

  /// Writes the first `count` numbers of one row of attention.
  func write(row: Int, count: Int, to out: UnsafeMutablePointer<Float>) {
    let factor = unsafe 1 / state[2 * row + 1]
    for index in 0..<count { unsafe out[index] = values[row * headDimension + index] * factor }
  }
}
