import Foundation
import TestSupport
import Testing

@testable import InferCore

@Suite struct RotaryTests {
  /// Around the borders of the two tables, up to the longest context.
  static let positions = [0, 1, 2, 100, 255, 256, 257, 511, 512, 4_095, 32_768, 65_537, 131_071, 262_142, 262_143]

  @Test(arguments: [2, 8, 64, 80, 128], [1e4, 1_158.5, 11_158_839.925])
  func rotationMatchesTheFormula(dimension: Int, base: Double) throws {
    let frequencies = RotaryFrequencies(dimension: dimension, base: base)
    try expectRotation(RotaryEmbedding(frequencies, contextLength: 262_144)) { values, position in
      Plain.rotate(values, position: position, base: base)
    }
  }

  /// The same numbers as of halves, in another order.
  @Test(arguments: [2, 8, 128]) func adjacentPairs(dimension: Int) throws {
    let frequencies = RotaryFrequencies(dimension: dimension, base: 1e4)
    let order = (0..<dimension).map { $0 % 2 * (dimension / 2) + $0 / 2 }
    try expectRotation(RotaryEmbedding(frequencies, pairing: .adjacent, contextLength: 262_144)) { values, position in
      var halves = values
      for index in order.indices { halves[order[index]] = values[index] }
      let rotated = Plain.rotate(halves, position: position, base: 1e4)
      return order.map { rotated[$0] }
    }
  }

  /// From some position on other frequencies, and every cosine and sine by a factor.
  @Test func longRoPEChangesAtTheOriginalLength() throws {
    var frequencies = RotaryFrequencies(dimension: 8, base: 1e4).longRoPE(
      short: [1, 1, 1, 1], long: [2, 2, 2, 2], originalLength: 512)
    frequencies.amplitude = 1.25
    try expectRotation(RotaryEmbedding(frequencies, contextLength: 262_144)) { values, position in
      let turned = position < 512 ? Plain.rotate(values, position: position, base: 1e4) : Self.halved(values, position)
      return turned.map { 1.25 * $0 }
    }
  }

  private static func halved(_ x: [Float], _ position: Int) -> [Double] {
    let half = x.count / 2
    return x.indices.map { index in
      let angle = Double(position) / 2 * pow(1e4, -2 * Double(index % half) / Double(x.count))
      let other = Double(x[(index + half) % x.count])
      return Double(x[index]) * cos(angle) + (index < half ? -other : other) * sin(angle)
    }
  }

  /// Rotates three heads that are wider than what is rotated, in a run of two rows for each position.
  private func expectRotation(
    _ rotary: RotaryEmbedding, is expected: ([Float], _ position: Int) -> [Double]
  ) throws {
    var generator = SeededGenerator(seed: 5)
    let dimension = rotary.dimension
    let bench = try KernelBench(sequences: Self.positions.count)
    let headDimension = dimension + 3
    let parts = Self.positions.indices.map {
      KernelBench.Part(sequence: $0, position: max(0, Self.positions[$0] - 1), count: 2)
    }
    let x = generator.rows(2 * parts.count, 3 * headDimension)
    let rows = GuardedRows(x)
    let angles = GuardedRows(count: x.count, columns: dimension)
    bench.step(parts) { step in
      var target = angles.target
      rotary.fillAngles(&target, step)
      target = rows.target
      rotary.rotate(&target, headDimension: headDimension, angles: angles.rows, step)
    }
    let want = x.enumerated().map { index, row in
      (0..<3).flatMap { head -> [Double] in
        let values = row[head * headDimension..<(head + 1) * headDimension]
        let position = parts[index / 2].position + index % 2
        return expected(Array(values.prefix(dimension)), position) + values.suffix(3).map(Double.init)
      }
    }
    #expect(distance(rows.values(), want) <= 3e-7)
  }

  /// The value that Tencent's models are used with: θ 10000, α 1000, heads of 128.
  @Test func staticScalingOfTheBase() {
    let scaled = RotaryFrequencies(dimension: 128, base: 1e4).ntk(alpha: 1000).perPair
    let plain = RotaryFrequencies(dimension: 128, base: 11_158_839.925).perPair
    #expect(zip(scaled, plain).allSatisfy { abs($0 / $1 - 1) < 1e-9 })
  }
}
