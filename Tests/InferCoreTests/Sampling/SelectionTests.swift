import Foundation
import TestSupport
import Testing

@testable import InferCore

@Suite struct SelectionTests {
  /// A vocabulary-sized row of weights with many ties.
  private func weights(_ count: Int, levels: Int, _ random: inout SeededGenerator) -> [Float] {
    var row = (0..<count).map { _ in Float(Int.random(in: 0...levels, using: &random)) / Float(levels) }
    row[Int.random(in: 0..<count, using: &random)] = 1
    return row
  }

  private func order(_ row: [Float]) -> [Int] { row.indices.sorted { (row[$1], $0) < (row[$0], $1) } }

  @Test(arguments: [1, 2, 7, 500, 40_000], [3, 100, 1_000_000])
  func topKKeepsTheFirstOfTheSortedOrder(size: Int, levels: Int) {
    var random = SeededGenerator(seed: UInt64(size * levels))
    var selection = Selection()
    var sums = WeightSums()
    let row = weights(size, levels: levels, &random)
    let sorted = order(row)
    for count in [1, 2, 20, 256, 9_999, size - 1, size, size + 5] where count > 0 {
      var result = row
      var span = result.mutableSpan
      selection.keepTop(count, of: &span, &sums)
      let kept = Set(sorted.prefix(count))
      #expect(result.indices.allSatisfy { result[$0] == (kept.contains($0) ? row[$0] : 0) })
    }
  }

  @Test(arguments: [1, 2, 7, 500, 40_000], [4, 64, 1 << 20])
  func topPKeepsTheShortestSufficientListOfTheSortedOrder(size: Int, levels: Int) {
    var random = SeededGenerator(seed: UInt64(size + levels))
    var selection = Selection()
    var sums = WeightSums()
    // Multiples of a power of two up to 1: their sums are exact, so that the cut is the same to the last token.
    let row = weights(size, levels: levels, &random)
    let sorted = order(row)
    let total = row.reduce(0.0) { $0 + Double($1) }
    for mass: Float in [0.001, 0.25, 0.5, 0.75, 0.95, 0.999] {
      var result = row
      var span = result.mutableSpan
      sums.cut(&span, below: 0)
      selection.keepTop(mass: mass, of: &span, &sums)
      var sum = 0.0
      let kept = Set(
        sorted.prefix { token in
          defer { sum += Double(row[token]) }
          return sum < Double(mass) * total
        })
      #expect(result.indices.allSatisfy { result[$0] == (kept.contains($0) ? row[$0] : 0) }, "mass \(mass)")
    }
  }

  @Test func exponentialsAreExactToThreeTenMillionths() {
    let arguments = stride(from: Float(-90), through: 0, by: 0.0037).map { $0 }
    var row = arguments
    var span = row.mutableSpan
    var sums = WeightSums()
    sums.weigh(&span, maximum: 0, scale: 1)
    for (value, argument) in zip(row, arguments) {
      // Where the result would be subnormal it may be 0.
      let expected = exp(Double(argument))
      let tolerance = 3e-7 * expected + Double(Float.leastNormalMagnitude)
      #expect(abs(Double(value) - expected) <= tolerance, "exp(\(argument))")
    }
    #expect(row.last.map { $0 <= 1 && $0 > 0.99 } == true)
  }
}
