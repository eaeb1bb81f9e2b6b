import Foundation

/// Kernels in the most naive way, in double precision: what the fast ones are compared with.
public enum Plain {
  /// Σ a·b.
  public static func dot(_ a: [Float], _ b: [Float]) -> Double {
    precondition(a.count == b.count, "\(a.count) and \(b.count)")
    var sum = 0.0
    for index in a.indices { sum += Double(a[index]) * Double(b[index]) }
    return sum
  }

  /// Every row of `x` with every row of `w`: `x · wᵀ`.
  public static func product(_ x: [[Float]], _ w: [[Float]]) -> [[Double]] {
    x.map { row in w.map { dot(row, $0) } }
  }

  /// A row rounded to eight bits in blocks of 32, as products with quantised weights see it.
  public static func roundedToEightBits(_ x: [Float]) -> [Float] {
    stride(from: 0, to: x.count, by: 32).flatMap { first in
      let block = x[first..<first + 32]
      let scale = (block.map(abs).max() ?? 0) / 127
      return block.map { scale > 0 ? ($0 / scale).rounded(.toNearestOrEven) * scale : 0 }
    }
  }

  /// Root-mean-square norm of each of `groups` equal parts of a row.
  public static func rmsNorm(_ x: [Float], weight: [Float], epsilon: Double, groups: Int = 1) -> [Double] {
    let size = x.count / groups
    return x.indices.map { index in
      let group = x[index / size * size..<(index / size + 1) * size]
      let squares = group.reduce(0.0) { $0 + Double($1) * Double($1) }
      return Double(x[index]) / (squares / Double(size) + epsilon).squareRoot() * Double(weight[index])
    }
  }

  /// x · σ(x).
  public static func silu(_ x: Double) -> Double { x / (1 + exp(-x)) }

  /// x times the probability that a normal variable is below it.
  public static func gelu(_ x: Double) -> Double { 0.5 * x * erfc(-x * 0.5.squareRoot()) }

  /// 1 / (1 + e⁻ˣ).
  public static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  /// ln(1 + eˣ).
  public static func softplus(_ x: Double) -> Double { x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)) }

  /// exp(x) / Σ exp(x).
  public static func softmax(_ x: [Double]) -> [Double] {
    let largest = x.max() ?? 0
    let weights = x.map { exp($0 - largest) }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }

  /// Rotates a head's pairs `(i, i + d/2)` by `position · base^(−2i/d)`.
  public static func rotate(_ x: [Float], position: Int, base: Double) -> [Double] {
    let half = x.count / 2
    return x.indices.map { index in
      let angle = Double(position) * pow(base, -2 * Double(index % half) / Double(x.count))
      let other = Double(x[(index + half) % x.count])
      return Double(x[index]) * cos(angle) + (index < half ? -other : other) * sin(angle)
    }
  }
}

/// The largest |got − want| / max(1, |want|) of two tables; infinite where their shapes differ or one holds NaN.
public func distance(_ got: [[Float]], _ want: [[Double]]) -> Double {
  guard got.map(\.count) == want.map(\.count) else { return .infinity }
  var worst = 0.0
  for (gotRow, wantRow) in zip(got, want) {
    for index in gotRow.indices {
      let difference = abs(Double(gotRow[index]) - wantRow[index]) / max(1, abs(wantRow[index]))
      if !(difference <= worst) { worst = difference.isNaN ? .infinity : difference }
    }
  }
  return worst
}

/// The same of two rows.
public func distance(_ got: [Float], _ want: [Double]) -> Double { distance([got], [want]) }
