import Foundation
import TestSupport
import Testing

@testable import InferCore

/// The choice of whole blocks of keys by a scorer with a key for each, and attention over them.
@Suite struct PooledBlockSelectionTests {
  /// Sizes of blocks beside pages of 16 tokens, and the choice.
  struct Shape: Sendable, CustomTestStringConvertible {
    let blockTokens: Int
    let count: Int

    var testDescription: String { "\(count) blocks of \(blockTokens)" }

    static let all = [
      Shape(blockTokens: 4, count: 3), Shape(blockTokens: 16, count: 2), Shape(blockTokens: 32, count: 1),
      Shape(blockTokens: 24, count: 2), Shape(blockTokens: 1, count: 20), Shape(blockTokens: 5, count: 40),
    ]
  }

  private static let (scorers, dimension) = (3, 8)
  private static let (queryHeads, keyHeads) = (4, 2)
  private static let lengths = [7, 21, 150]

  private func selection(_ shape: Shape, _ cache: StateHandle, dimension: Int = dimension) -> PooledBlockSelection {
    PooledBlockSelection(
      heads: Self.scorers, dimension: dimension, blockTokens: shape.blockTokens, count: shape.count, cache: cache)
  }

  /// Of the whole blocks those are chosen whose means are best, ascending, over any cut, of equal ones the first, and the one
  /// that is not whole.
  @Test(arguments: Shape.all, [KVType.f32, .f16]) func theBestBlocksAreChosen(_ shape: Shape, _ kvType: KVType) throws {
    var generator = SeededGenerator(seed: 93)
    // Quarters, whose means both formats have exactly where blocks are powers of two.
    let keys = Self.lengths.map { generator.rows($0, Self.dimension).map { $0.map { ($0 * 4).rounded() / 4 } } }
    let queries = Self.lengths.map { generator.rows($0, Self.scorers * Self.dimension).map { $0.map { $0.rounded() } } }
    var layout = StateLayout()
    let rule = selection(shape, layout.add(.latent(dimension: Self.dimension)))
    let bench = try KernelBench(layout: layout, kvType: kvType, sequences: 3, pagesPerSequence: 10)
    for parts in KernelBench.randomSteps(Self.lengths, longest: 60, using: &generator) {
      func rows(_ sequences: [[[Float]]]) -> GuardedRows {
        GuardedRows(parts.flatMap { sequences[$0.sequence][$0.position..<$0.position + $0.count] })
      }
      let key = rows(keys)
      let query = rows(queries)
      let pooled = GuardedRows(count: key.count, columns: Self.dimension)
      let out = GuardedRows(count: key.count, columns: rule.columns)
      bench.step(parts) { step in
        appendToCache(latents: key.rows, cache: rule.cache, step)
        var means = pooled.target
        rule.pool(into: &means, step)
        rule.append(blockKeys: means.rows, step)
        var target = out.target
        rule.choose(queries: query.rows, weights: query.rows.columns(0..<0), into: &target, step)
      }
      let (chosen, means) = (out.values(), pooled.values())
      var first = 0
      for part in parts {
        let isChoice = (part.position + part.count) / shape.blockTokens > shape.count
        for index in 0..<part.count {
          let position = part.position + index
          let seen = keys[part.sequence][...position]
          let blocks = Self.means(shape, seen)
          if (position + 1) % shape.blockTokens == 0 {
            #expect(distance(means[first + index], (blocks.last ?? []).map { Double($0) }) <= 1e-6)
          } else {
            #expect(means[first + index].allSatisfy { $0 == 0 })
          }
          guard isChoice else { continue }
          let scores = Self.scores(queries[part.sequence][position], blocks.map { kvType.stored($0) })
          let want = Self.best(shape, scores, seen.count)
          let got = Array(chosen[first + index].prefix(rule.blockCount(at: position)))
          // Means are exact where blocks are powers of two, and else equal scores may differ by rounding.
          let isExact = shape.blockTokens & (shape.blockTokens - 1) == 0
          #expect(got.count == want.count && zip(got, got.dropFirst()).allSatisfy { $0 < $1 })
          #expect(
            isExact ? got == want : Self.areAlike(scores, got, want),
            "\(part.sequence) at \(position): \(got), not \(want)")
        }
        first += part.count
      }
    }
  }

  /// The means of whole blocks.
  private static func means(_ shape: Shape, _ keys: ArraySlice<[Float]>) -> [[Float]] {
    (0..<keys.count / shape.blockTokens).map { block in
      (0..<dimension).map { column in
        (0..<shape.blockTokens).reduce(Float(0)) {
          $0 + 1 / Float(shape.blockTokens) * keys[block * shape.blockTokens + $1][column]
        }
      }
    }
  }

  private static func scores(_ query: [Float], _ blocks: [[Float]]) -> [Double] {
    blocks.map { key in
      (0..<scorers).reduce(0.0) {
        $0 + max(0, Plain.dot(Array(query[$1 * dimension..<($1 + 1) * dimension]), key))
      }
    }
  }

  /// The blocks of a row that sees so many keys.
  private static func best(_ shape: Shape, _ scores: [Double], _ keys: Int) -> [Float] {
    let order = scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
    return order.prefix(shape.count).sorted().map { Float($0) }
      + (keys % shape.blockTokens > 0 ? [Float(scores.count)] : [])
  }

  /// Whether choices differ in blocks of nearly the same scores alone.
  private static func areAlike(_ scores: [Double], _ got: [Float], _ want: [Float]) -> Bool {
    func sum(_ blocks: [Float]) -> Double {
      blocks.reduce(0) { $0 + (Int($1) < scores.count ? scores[Int($1)] : 0) }
    }
    return got.count == want.count && abs(sum(got) - sum(want)) < 2e-3 * Double(got.count)
  }

  /// Attention is that over the keys of the chosen blocks and of the one that is not whole alone; and in segments without a
  /// choice that over all keys.
  @Test(arguments: Shape.all, KVType.allCases) func chosenBlocksAreAttendedTo(_ shape: Shape, _ kvType: KVType) throws {
    let width = kvType == .q8_0 ? 32 : 12
    var generator = SeededGenerator(seed: 94)
    let keys = Self.lengths.map { generator.rows($0, Self.keyHeads * width) }
    let values = Self.lengths.map { generator.rows($0, Self.keyHeads * width) }
    let queries = Self.lengths.map { generator.rows($0, Self.queryHeads * width) }
    let choices = Self.lengths.map { length in
      (0..<length).map { position -> [Float] in
        let whole = (position + 1) / shape.blockTokens
        var blocks = (0..<whole).shuffled(using: &generator).prefix(shape.count).sorted()
        if (position + 1) % shape.blockTokens > 0 { blocks.append(whole) }
        return blocks.map { Float($0) } + Array(repeating: -1, count: shape.count + 1 - blocks.count)
      }
    }
    var layout = StateLayout()
    let cache = layout.add(.paged(heads: Self.keyHeads, headDimension: width))
    let rule = selection(shape, layout.add(.latent(dimension: 32)), dimension: 32)
    let bench = try KernelBench(layout: layout, kvType: kvType, sequences: 3, pagesPerSequence: 10)
    for parts in KernelBench.randomSteps(Self.lengths, longest: 60, using: &generator) {
      func rows(_ sequences: [[[Float]]]) -> [[Float]] {
        parts.flatMap { sequences[$0.sequence][$0.position..<$0.position + $0.count] }
      }
      let key = GuardedRows(rows(keys))
      let value = GuardedRows(rows(values))
      let query = GuardedRows(rows(queries))
      let chosen = GuardedRows(rows(choices))
      let out = GuardedRows(count: key.count, columns: Self.queryHeads * width)
      bench.step(parts) { step in
        appendToCache(
          keys: key.rows, values: value.rows, heads: Self.keyHeads, headDimension: width, cache: cache, step)
        var target = out.target
        attend(
          queries: query.rows, queryHeads: Self.queryHeads, heads: Self.keyHeads, headDimension: width, scale: 0.3,
          cache: cache, rule: rule, chosen: chosen.rows, sharing: (Self.queryHeads, 0), into: &target, step)
      }
      let got = out.values()
      var first = 0
      for part in parts {
        let isChoice = (part.position + part.count) / shape.blockTokens > shape.count
        for row in Set([0, part.count / 2, part.count - 1]) {
          let position = part.position + row
          let blocks = choices[part.sequence][position]
          let seen = (0...position).filter { !isChoice || blocks.contains(Float($0 / shape.blockTokens)) }
          let want = (0..<Self.queryHeads).flatMap { head -> [Double] in
            let columns = head / 2 * width..<(head / 2 + 1) * width
            return Plain.attention(
              Array(queries[part.sequence][position][head * width..<(head + 1) * width]),
              keys: seen.map { kvType.stored(Array(keys[part.sequence][$0][columns])) },
              values: seen.map { kvType.stored(Array(values[part.sequence][$0][columns])) }, scale: 0.3)
          }
          #expect(distance(got[first + row], want) <= 2e-5, "\(part.sequence) at \(position)")
        }
        first += part.count
      }
    }
  }

  /// With logits, columns of means are weighted by their softmax, whatever its size; heads have weights, and the keys of chosen
  /// blocks are told one by one.
  @Test(arguments: [Shape(blockTokens: 4, count: 3), Shape(blockTokens: 24, count: 2), Shape(blockTokens: 1, count: 9)])
  func meansAreWeighted(_ shape: Shape) throws {
    var generator = SeededGenerator(seed: 95)
    let size = Self.dimension
    let rows = Self.lengths.map { generator.rows($0, 2 * size, scale: 30) }
    let queries = Self.lengths.map { generator.rows($0, Self.scorers * size) }
    let weights = Self.lengths.map { generator.rows($0, Self.scorers) }
    let logits = generator.rows(shape.blockTokens, size, scale: 30)
    var layout = StateLayout()
    let rule = PooledBlockSelection(
      heads: Self.scorers, dimension: size, blockTokens: shape.blockTokens, count: shape.count,
      logits: logits.flatMap { $0 }, cache: layout.add(.latent(dimension: 2 * size)))
    let bench = try KernelBench(layout: layout, sequences: 3, pagesPerSequence: 10)
    for parts in KernelBench.randomSteps(Self.lengths, longest: 60, using: &generator) {
      func some(_ sequences: [[[Float]]]) -> GuardedRows {
        GuardedRows(parts.flatMap { sequences[$0.sequence][$0.position..<$0.position + $0.count] })
      }
      let row = some(rows)
      let query = some(queries)
      let weight = some(weights)
      let blocks = GuardedRows(count: row.count, columns: rule.columns)
      let keys = GuardedRows(count: row.count, columns: rule.mostKeys)
      bench.step(parts) { step in
        appendToCache(latents: row.rows, cache: rule.cache, step)
        var means = step.take(rows: row.count, columns: 2 * size)
        rule.pool(into: &means, step)
        rule.append(blockKeys: means.rows, step)
        var chosen = blocks.target
        var all = keys.target
        rule.choose(queries: query.rows, weights: weight.rows, into: &chosen, step)
        rule.expand(blocks.rows, into: &all, step)
      }
      let got = keys.values()
      var first = 0
      for part in parts {
        let isChoice = (part.position + part.count) / shape.blockTokens > shape.count
        for index in 0..<part.count where isChoice {
          let position = part.position + index
          let means = Self.weightedMeans(shape, rows[part.sequence][...position], logits)
          let scores = means.map { mean in
            (0..<Self.scorers).reduce(0.0) { sum, head in
              let own = queries[part.sequence][position][head * size..<(head + 1) * size]
              let product = zip(own, mean).reduce(0.0) { $0 + Double($1.0) * $1.1 }
              return sum + Double(weights[part.sequence][position][head]) * max(product, 0)
            }
          }
          let want = Self.best(shape, scores, position + 1)
          let have = Array(got[first + index].prefix(rule.keyCount(at: position)))
          let found = stride(from: 0, to: have.count, by: shape.blockTokens).map {
            Float(Int(have[$0]) / shape.blockTokens)
          }
          #expect(Self.areAlike(scores, found, want), "\(part.sequence) at \(position): \(found), not \(want)")
          let expanded = found.flatMap { block in
            (0..<shape.blockTokens).map { block * Float(shape.blockTokens) + Float($0) }.filter {
              $0 <= Float(position)
            }
          }
          #expect(have == expanded)
        }
        first += part.count
      }
    }
  }

  private static func weightedMeans(_ shape: Shape, _ rows: ArraySlice<[Float]>, _ logits: [[Float]]) -> [[Double]] {
    (0..<rows.count / shape.blockTokens).map { block in
      (0..<dimension).map { column in
        let tokens = (0..<shape.blockTokens).map { rows[block * shape.blockTokens + $0] }
        let logits = tokens.indices.map { Double(tokens[$0][dimension + column]) + Double(logits[$0][column]) }
        let most = logits.max() ?? 0
        let weights = logits.map { exp($0 - most) }
        return zip(tokens, weights).reduce(0) { $0 + Double($1.0[column]) * $1.1 } / weights.reduce(0, +)
      }
    }
  }
}
