/// Scales every head of every row down to a length where it is longer (Inkling 2).
///
/// - Parameters:
///   - x: `[rows × heads · width of a head]`.
///   - headDimension: the width of a head.
///   - length: the greatest length.
///   - step: the step.
package func clipHeads(
  _ x: inout MutableRows, headDimension: Int, to length: Float, _ step: borrowing Step
) {
  precondition(x.columns % headDimension == 0, "\(x.columns) columns in heads of \(headDimension)")
  unsafe forEachRow(x.count, step) { row in
    for first in stride(from: 0, to: x.columns, by: headDimension) {
      let head = unsafe x.base + row * x.stride + first
      var square: Float = 0
      for index in 0..<headDimension { square += unsafe head[index] * head[index] }
      let factor = length / (square.squareRoot() + 1e-6)
      guard factor < 1 else { continue }
      for index in 0..<headDimension { unsafe head[index] *= factor }
    }
  }
}
