internal import Glibc

/// A factor that grows with the position of a row.
public enum PositionGrowth: Sendable, Hashable {
  /// `1 + strength · ln(1 + ⌊position / length⌋)` (Llama 4).
  case inSteps(strength: Float, length: Int)
  /// `1 + strength · ln(max(1, (position + 1) / length))` (Inkling).
  case smooth(strength: Float, length: Int)

  /// The number of positions, from 0 on, whose factor is one.
  var length: Int {
    switch self {
    case .inSteps(_, let length), .smooth(_, let length): length
    }
  }

  /// The factor of a position.
  func factor(at position: Int) -> Float {
    switch self {
    case .inSteps(let strength, let length): 1 + strength * logf(Float(1 + position / length))
    case .smooth(let strength, let length): 1 + strength * logf(max(1, Float(position + 1) / Float(length)))
    }
  }
}

/// Multiplies each row by the factor of its position in its sequence.
package func scaleByPosition(_ x: inout MutableRows, _ growth: PositionGrowth, _ step: borrowing Step) {
  let length = growth.length
  precondition(x.count == step.plan.tokens.count && length > 0, "\(x.count) rows, \(length) positions")
  for run in step.plan.runs where run.position + run.tokens.count > length {
    unsafe forEachRow(run.tokens.count, step) { index in
      let factor = growth.factor(at: run.position + index)
      let values = unsafe x.base + (run.tokens.lowerBound + index) * x.stride
      for column in 0..<x.columns { unsafe values[column] *= factor }
    }
  }
}
