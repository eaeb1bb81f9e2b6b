import TestSupport
import Testing

@testable import InferCore

@Suite struct RotaryTests {
  /// Around the borders of the two tables, up to the longest context.
  static let positions = [0, 1, 2, 100, 255, 256, 257, 511, 512, 4_095, 32_768, 65_537, 131_071, 262_142, 262_143]

  @Test(arguments: [2, 8, 64, 80, 128], [1e4, 1_158.5, 11_158_839.925])
  func rotationMatchesTheFormula(dimension: Int, base: Double) throws {
    var generator = SeededGenerator(seed: 5)
    let rotary = RotaryEmbedding(dimension: dimension, base: base, contextLength: 262_144)
    let bench = try KernelBench(sequences: Self.positions.count)
    // Three heads that are wider than what is rotated, in a run of two rows for each position.
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
    let expected = x.enumerated().map { index, row in
      (0..<3).flatMap { head -> [Double] in
        let values = row[head * headDimension..<(head + 1) * headDimension]
        let position = parts[index / 2].position + index % 2
        return Plain.rotate(Array(values.prefix(dimension)), position: position, base: base)
          + values.suffix(3).map(Double.init)
      }
    }
    #expect(distance(rows.values(), expected) <= 3e-7)
  }

  /// The value that Tencent's models are used with: θ 10000, α 1000, heads of 128.
  @Test func staticScalingOfTheBase() {
    #expect(abs(RotaryEmbedding.scaledBase(1e4, alpha: 1000, dimension: 128) - 11_158_839.925) < 1e-3)
    #expect(RotaryEmbedding.scaledBase(1e4, alpha: 1, dimension: 64) == 1e4)
  }
}
