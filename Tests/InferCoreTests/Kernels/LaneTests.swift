import Foundation
import TestSupport
import Testing

@testable import InferCore

/// Kernels of a residual stream of several lanes.
@Suite struct LaneTests {
  /// Rows and columns are divided by their sums in turn, columns last, after the softmax of rows.
  @Test(arguments: [1, 2, 4, 7], [1, 6]) func matricesAreBalanced(lanes: Int, iterations: Int) throws {
    var generator = SeededGenerator(seed: 96)
    let logits = generator.rows(20, lanes * lanes, scale: 4)
    let epsilon = 1e-3
    let matrices = GuardedRows(logits)
    try KernelBench().step(rows: 20) { step in
      var target = matrices.target
      balance(&target, lanes: lanes, iterations: iterations, epsilon: Float(epsilon), step)
    }
    let range = 0..<lanes
    let want = logits.map { logits -> [Double] in
      var matrix = range.map { row -> [Double] in
        let powers = range.map { exp(Double(logits[row * lanes + $0])) }
        return powers.map { $0 / powers.reduce(0, +) + epsilon }
      }
      for iteration in 0..<iterations {
        if iteration > 0 { matrix = matrix.map { row in row.map { $0 / (row.reduce(0, +) + epsilon) } } }
        let sums = range.map { column in matrix.reduce(0) { $0 + $1[column] } + epsilon }
        matrix = matrix.map { row in range.map { row[$0] / sums[$0] } }
      }
      return matrix.flatMap { $0 }
    }
    #expect(distance(matrices.values(), want) <= 1e-5)
  }

  @Test func lanesAreMixed() throws {
    let (lanes, width) = (3, 5)
    var generator = SeededGenerator(seed: 97)
    let (stream, matrices) = (generator.rows(20, lanes * width), generator.rows(20, lanes * lanes))
    let rows = GuardedRows(stream)
    let factors = GuardedRows(matrices)
    try KernelBench().step(rows: 20) { step in
      var target = rows.target
      mixLanes(&target, by: factors.rows, lanes: lanes, step)
    }
    let want = zip(stream, matrices).map { row, matrix in
      (0..<lanes * width).map { column in
        (0..<lanes).reduce(0.0) {
          $0 + Double(matrix[$1 * lanes + column / width]) * Double(row[$1 * width + column % width])
        }
      }
    }
    #expect(distance(rows.values(), want) <= 1e-5)
  }

  @Test func lanesAreMultiplied() throws {
    let (lanes, width) = (3, 5)
    var generator = SeededGenerator(seed: 98)
    let (one, other) = (generator.rows(20, lanes * width), generator.rows(20, lanes * width))
    let x = GuardedRows(one)
    let y = GuardedRows(other)
    let out = GuardedRows(count: 20, columns: lanes)
    try KernelBench().step(rows: 20) { step in
      var target = out.target
      multiplyLanes(x.rows, y.rows, scale: 0.5, into: &target, step)
    }
    let want = zip(one, other).map { one, other in
      (0..<lanes).map { lane in
        0.5 * Plain.dot(Array(one[lane * width..<(lane + 1) * width]), Array(other[lane * width..<(lane + 1) * width]))
      }
    }
    #expect(distance(out.values(), want) <= 1e-5)
  }

  @Test func rootsHaveTheSignOfTheirNumbers() throws {
    let rows = GuardedRows([[4, -9, 0, 1e-9, -1e-9, 0.25]])
    try KernelBench().step(rows: 1) { step in
      var target = rows.target
      signedRoot(&target, least: 1e-6, step)
    }
    #expect(rows.values() == [[2, -3, 0, 1e-3, -1e-3, 0.5]])
  }
}
