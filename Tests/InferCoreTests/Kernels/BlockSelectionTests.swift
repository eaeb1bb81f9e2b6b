import TestSupport
import Testing

@testable import InferCore

/// The choice of blocks of keys by a scorer, and attention over them.
@Suite struct BlockSelectionTests {
  /// Sizes of blocks beside pages of 16 tokens, and the choice.
  struct Shape: Sendable, CustomTestStringConvertible {
    let blockTokens: Int
    let count: Int
    let localCount: Int
    let heads: Int

    var testDescription: String { "\(count) blocks of \(blockTokens), \(localCount) the last, \(heads) heads" }

    static let all = [
      Shape(blockTokens: 4, count: 3, localCount: 1, heads: 2),
      Shape(blockTokens: 16, count: 2, localCount: 0, heads: 4),
      Shape(blockTokens: 32, count: 2, localCount: 2, heads: 1),
      Shape(blockTokens: 24, count: 1, localCount: 1, heads: 2),
      Shape(blockTokens: 1, count: 20, localCount: 3, heads: 4),
    ]
  }

  private static let dimension = 8
  private static let (queryHeads, keyHeads, headDimension) = (4, 2, 12)
  private static let lengths = [7, 21, 150]

  private func selection(_ shape: Shape, _ cache: StateHandle) -> BlockSelection {
    var rule = BlockSelection(
      heads: shape.heads, dimension: Self.dimension, blockTokens: shape.blockTokens, count: shape.count,
      localCount: shape.localCount, cache: cache)
    // Parts of 32 keys, or of as few as blocks allow.
    rule.keysPerPart = 32
    return rule
  }

  /// Chosen blocks are the last ones and those with the best keys, ascending, over any cut; of equal ones the first.
  @Test(arguments: Shape.all, [KVType.f32, .f16]) func theBestBlocksAreChosen(_ shape: Shape, _ kvType: KVType) throws {
    var generator = SeededGenerator(seed: 83)
    let keys = Self.lengths.map { generator.rows($0, Self.dimension).map { $0.map { ($0 * 4).rounded() / 4 } } }
    let queries = Self.lengths.map { generator.rows($0, shape.heads * Self.dimension).map { $0.map { $0.rounded() } } }
    var layout = StateLayout()
    let rule = selection(shape, layout.add(.latent(dimension: Self.dimension)))
    let bench = try KernelBench(layout: layout, kvType: kvType, sequences: 3, pagesPerSequence: 10)
    for parts in KernelBench.randomSteps(Self.lengths, longest: 60, using: &generator) {
      func rows(_ sequences: [[[Float]]]) -> GuardedRows {
        GuardedRows(parts.flatMap { sequences[$0.sequence][$0.position..<$0.position + $0.count] })
      }
      let key = rows(keys)
      let query = rows(queries)
      let out = GuardedRows(count: key.count, columns: rule.columns)
      bench.step(parts) { step in
        appendToCache(latents: key.rows, cache: rule.cache, step)
        var target = out.target
        rule.choose(queries: query.rows, into: &target, step)
      }
      let chosen = out.values()
      var first = 0
      for part in parts {
        let blocks = (part.position + part.count - 1) / shape.blockTokens + 1
        for index in 0..<part.count where blocks > shape.count {
          let position = part.position + index
          for head in 0..<shape.heads {
            let own = Array(
              queries[part.sequence][position][head * Self.dimension..<(head + 1) * Self.dimension])
            let want = Self.best(shape, own, keys[part.sequence][...position])
            let got = chosen[first + index][(head * shape.count)...].prefix(want.count)
            #expect(Array(got) == want, "\(part.sequence) at \(position), head \(head)")
          }
        }
        first += part.count
      }
    }
  }

  /// The blocks of a row that sees `keys`.
  private static func best(_ shape: Shape, _ query: [Float], _ keys: ArraySlice<[Float]>) -> [Float] {
    let scores = keys.map { Plain.dot(query, $0) }
    let blocks = stride(from: 0, to: scores.count, by: shape.blockTokens).map { first in
      scores[first..<min(first + shape.blockTokens, scores.count)].max() ?? 0
    }
    let order = blocks.indices.sorted { one, other in
      let (isLocal, isOther) = (one >= blocks.count - shape.localCount, other >= blocks.count - shape.localCount)
      if isLocal != isOther { return isLocal }
      return (blocks[one], other) > (blocks[other], one)
    }
    return order.prefix(shape.count).sorted().map { Float($0) }
  }

  /// Attention is that over the keys of the chosen blocks alone, of each head's own choice, for all heads and for those that a
  /// rank has; and in segments without a choice that over all keys.
  @Test(arguments: Shape.all, KVType.allCases) func chosenBlocksAreAttendedTo(_ shape: Shape, _ kvType: KVType) throws {
    let width = kvType == .q8_0 ? 32 : Self.headDimension
    var generator = SeededGenerator(seed: 84)
    let keys = Self.lengths.map { generator.rows($0, Self.keyHeads * width) }
    let values = Self.lengths.map { generator.rows($0, Self.keyHeads * width) }
    let queries = Self.lengths.map { generator.rows($0, Self.queryHeads * width) }
    let choices = Self.lengths.map { length in
      (0..<length).map { position in
        (0..<shape.heads).flatMap { _ -> [Float] in
          let blocks = (0...position / shape.blockTokens).shuffled(using: &generator).prefix(shape.count)
          return blocks.sorted().map { Float($0) } + Array(repeating: -1, count: shape.count - blocks.count)
        }
      }
    }
    var layout = StateLayout()
    let cache = layout.add(.paged(heads: Self.keyHeads, headDimension: width))
    let rule = selection(shape, layout.add(.latent(dimension: 32)))
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
          cache: cache, rule: rule, chosen: chosen.rows, sharing: (Self.queryHeads / shape.heads, 0), into: &target,
          step)
      }
      let got = out.values()
      var first = 0
      for part in parts {
        let isChoice = (part.position + part.count - 1) / shape.blockTokens >= shape.count
        for row in Set([0, part.count / 2, part.count - 1]) {
          let position = part.position + row
          let want = (0..<Self.queryHeads).flatMap { head -> [Double] in
            let choice = head * shape.heads / Self.queryHeads
            let blocks = choices[part.sequence][position][choice * shape.count..<(choice + 1) * shape.count]
            let seen = (0...position).filter { !isChoice || blocks.contains(Float($0 / shape.blockTokens)) }
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

  /// A rank with one of four query heads, the third, reads the choice that is for it.
  @Test func someHeadsReadTheirChoices() throws {
    let (length, width) = (40, 8)
    var generator = SeededGenerator(seed: 85)
    let (keys, values) = (generator.rows(length, width), generator.rows(length, width))
    let queries = generator.rows(length, width)
    var layout = StateLayout()
    let cache = layout.add(.paged(heads: 1, headDimension: width))
    let rule = selection(
      Shape(blockTokens: 4, count: 1, localCount: 0, heads: 2), layout.add(.latent(dimension: Self.dimension)))
    let bench = try KernelBench(layout: layout, kvType: .f32, sequences: 1, pagesPerSequence: 3)
    let key = GuardedRows(keys)
    let value = GuardedRows(values)
    let query = GuardedRows(queries)
    // The first two heads see the first block, the others the second.
    let chosen = GuardedRows((0..<length).map { [0, $0 < 4 ? 0 : 1] })
    let out = GuardedRows(count: length, columns: width)
    bench.step([.init(count: length)]) { step in
      appendToCache(keys: key.rows, values: value.rows, heads: 1, headDimension: width, cache: cache, step)
      var target = out.target
      attend(
        queries: query.rows, queryHeads: 1, heads: 1, headDimension: width, scale: 0.3, cache: cache, rule: rule,
        chosen: chosen.rows, sharing: (2, 2), into: &target, step)
    }
    let want = Plain.attention(queries[39], keys: Array(keys[4..<8]), values: Array(values[4..<8]), scale: 0.3)
    #expect(distance(out.values()[39], want) <= 2e-5)
  }
}
