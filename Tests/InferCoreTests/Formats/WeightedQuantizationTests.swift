import Testing

@testable import InferCore

/// Quantising where columns matter unlike.
@Suite struct WeightedQuantizationTests {
  static let codebooks: [WeightFormat] = [.iq3_S, .iq3_XXS, .iq2_S, .iq2_XS, .iq2_XXS, .iq1_M, .iq1_S]

  /// The weighted squared errors that ggml-quants.c of llama.cpp (llama-cpp-python 0.3.36) leaves of ``weights``, with
  /// ``importance`` as `quant_weights`.
  static let reference: [(name: String, error: Double)] = [
    ("Q4_0", 0.20406), ("Q4_1", 0.11901), ("Q5_0", 0.050114), ("Q5_1", 0.028219), ("Q2_K", 1.3248), ("Q3_K", 0.57472),
    ("Q4_K", 0.12491), ("Q5_K", 0.033941), ("Q6_K", 0.0082162), ("IQ4_NL", 0.16142), ("IQ4_XS", 0.16544),
    ("IQ3_S", 0.44131), ("IQ3_XXS", 0.62685), ("IQ2_S", 1.5656), ("IQ2_XS", 1.9824), ("IQ2_XXS", 2.4474),
    ("IQ1_M", 4.5572), ("IQ1_S", 6.6124),
  ]

  private static let columns = 1024
  /// Numbers from 0 to 1, the same everywhere.
  private static let uniform: [Double] = {
    var state: UInt64 = 7
    return (0..<4 * 2 * columns + columns).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 40) / Double(1 << 24)
    }
  }()
  /// Two rows, sums of four.
  private static let weights = (0..<2 * columns).map { index in
    Float(uniform[4 * index..<4 * index + 4].reduce(0, +) - 2) * 0.0625
  }
  private static let importance = uniform[8 * columns..<9 * columns].map { Float(1 / ((0.05 + $0) * (0.05 + $0))) }

  private func quantized(_ format: WeightFormat, _ weights: [Float], _ importance: [Float]) throws -> [Float] {
    try Matrix(rows: weights.count / importance.count, columns: importance.count, values: weights).quantized(
      to: format, name: "w", importance: ColumnImportance([importance]), team: ThreadTeam(count: 1)
    ).floats()
  }

  private func error(_ a: [Float], _ b: [Float], _ importance: [Float]) -> Double {
    zip(a, b).enumerated().reduce(0) { sum, pair in
      let difference = Double(pair.element.0 - pair.element.1)
      return sum + Double(importance[pair.offset % importance.count]) * difference * difference
    }
  }

  @Test(arguments: reference) func noLessExactThanTheReference(_ name: String, _ theirs: Double) throws {
    let format = try #require(WeightFormat(named: name))
    let ours = try quantized(format, Self.weights, Self.importance)
    #expect(error(ours, Self.weights, Self.importance) <= 1.02 * theirs)
    // Columns that matter more lose less than they do where all matter alike.
    let alike = Matrix(format: format, rows: 2, columns: Self.columns, values: Self.weights).floats()
    #expect(
      error(ours, Self.weights, Self.importance) < error(alike, Self.weights, Self.importance))
  }

  @Test func theListIsOfAllFormatsThatHeedIt() {
    let heeding = WeightFormat.all.filter { unsafe $0.quantizeWeighted != nil }.map(\.name)
    #expect(Set(heeding) == Set(Self.reference.map(\.name)))
    #expect(WeightFormat.all.filter(\.needsImportance) == Self.codebooks.filter { $0 != .iq3_S })
  }

  /// Zeros, what is no number, columns that never matter and factors of any size.
  @Test(arguments: codebooks + [.q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_XS, .iq4_NL, .q4_0, .q4_1, .q5_0, .q5_1])
  func extremes(_ format: WeightFormat) throws {
    let weights = Array(Self.weights[..<512])
    let zeros = try quantized(format, Array(repeating: 0, count: 256), Array(repeating: 1, count: 256))
    #expect(zeros.allSatisfy { $0 == 0 })
    let ones = Array(repeating: Float(1), count: 256)
    let plain = try error(quantized(format, weights, ones), weights, ones)
    for factor: Float in [0, 1e-38, 1e-20, 1e20, 3e38] {
      let same = try quantized(format, weights, Array(repeating: factor, count: 256))
      #expect(abs(error(same, weights, ones) - plain) <= 0.01 * plain)
    }
    for extreme: Float in [1e-30, 1e-12, 1e4] {
      let scaled = try quantized(format, weights.map { $0 * extreme }, Array(Self.importance[..<256]))
      #expect(scaled.allSatisfy { $0.isFinite })
    }
    let half = (0..<256).map { $0 % 2 == 0 ? Float(1) : 0 }
    #expect(try quantized(format, weights, half).allSatisfy { $0.isFinite })
    #expect(throws: ModelError.self) {
      try quantized(format, weights.enumerated().map { $0.offset == 40 ? .nan : $0.element }, half)
    }
  }

  @Test func whatIsMissingIsNamed() throws {
    let matrix = Matrix(rows: 1, columns: 256, values: Array(repeating: 1, count: 256))
    let team = try ThreadTeam(count: 1)
    let missing = #expect(throws: ModelError.self) { try matrix.quantized(to: .iq2_XS, name: "w", team: team) }
    #expect(missing?.description.contains("infer-serve imatrix") == true)
    let wrong = #expect(throws: ModelError.self) {
      try matrix.quantized(
        to: .q4_K, name: "w", importance: ColumnImportance([Array(repeating: 1, count: 255)]), team: team)
    }
    #expect(
      wrong == .tensor(name: "w", reason: "has 256 columns, and the importance matrix 255 numbers for it"))
  }

  /// Each matrix of a stack has columns of its own.
  @Test func stacks() throws {
    let weights = Array(Self.weights[..<512])
    let other = Array(Self.importance[256..<512])
    let both = ColumnImportance([Array(Self.importance[..<256]), other])
    let team = try ThreadTeam(count: 2)
    let stack = try Matrix(rows: 2, columns: 256, values: weights).quantized(
      to: .iq3_XXS, name: "w", importance: both, team: team)
    #expect(try Array(stack.floats()[256...]) == quantized(.iq3_XXS, Array(weights[256...]), other))
    let packed = try PackedMatrix.pack(
      (0..<2).map { Matrix(rows: 1, columns: 256, values: Array(weights[$0 * 256..<($0 + 1) * 256])) }, as: .iq3_XXS,
      importance: (both, [0, 1]), in: WeightArena(), team: team)
    #expect(packed.flatMap { $0.floats() } == stack.floats())
  }
}
