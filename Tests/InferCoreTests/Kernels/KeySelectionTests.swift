import TestSupport
import Testing

@testable import InferCore

/// The choice of keys by a scorer, and attention over them.
@Suite struct KeySelectionTests {
  private static let (heads, dimension, count) = (3, 8, 20)
  private static let (queryHeads, row, value) = (4, 12, 10)

  /// Chosen keys are those of the best scores, ascending, over any cut; of equal scores those of the first keys.
  @Test(arguments: [KVType.f32, .f16]) func theBestKeysAreChosen(_ kvType: KVType) throws {
    var generator = SeededGenerator(seed: 81)
    let lengths = [7, 21, 150]
    let keys = lengths.map { generator.rows($0, Self.dimension).map { $0.map { ($0 * 4).rounded() / 4 } } }
    let queries = lengths.map { generator.rows($0, Self.heads * Self.dimension).map { $0.map { $0.rounded() } } }
    let weights = lengths.map { generator.rows($0, Self.heads).map { $0.map { $0.rounded() } } }
    var layout = StateLayout()
    let cache = layout.add(.latent(dimension: Self.dimension))
    let selection = KeySelection(heads: Self.heads, dimension: Self.dimension, count: Self.count, cache: cache)
    let bench = try KernelBench(layout: layout, kvType: kvType, sequences: 3, pagesPerSequence: 10)
    for parts in KernelBench.randomSteps(lengths, longest: 60, using: &generator) {
      func rows(_ sequences: [[[Float]]]) -> GuardedRows {
        GuardedRows(parts.flatMap { sequences[$0.sequence][$0.position..<$0.position + $0.count] })
      }
      let key = rows(keys)
      let query = rows(queries)
      let weight = rows(weights)
      let out = GuardedRows(count: key.count, columns: Self.count)
      bench.step(parts) { step in
        appendToCache(latents: key.rows, cache: cache, step)
        var target = out.target
        selection.choose(queries: query.rows, weights: weight.rows, into: &target, step)
      }
      // Rows of segments without a choice are left as they were.
      let chosen = out.values()
      var first = 0
      for part in parts {
        for index in 0..<part.count where part.position + part.count > Self.count {
          let position = part.position + index
          let (query, weight) = (queries[part.sequence][position], weights[part.sequence][position])
          let scores = keys[part.sequence][...position].map { key in
            (0..<Self.heads).reduce(Float(0)) { sum, head in
              let product = zip(query[(head * Self.dimension)...], key).reduce(0) { $0 + $1.0 * $1.1 }
              return sum + weight[head] * max(product, 0)
            }
          }
          let order = scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
          let want = order.prefix(Self.count).sorted().map { Float($0) }
          #expect(Array(chosen[first + index].prefix(want.count)) == want, "\(part.sequence) at \(position)")
        }
        first += part.count
      }
    }
  }

  /// Attention over chosen rows is attention over a sequence of them alone.
  @Test func chosenRowsAreAttendedTo() throws {
    var generator = SeededGenerator(seed: 82)
    let length = 150
    let latents = generator.rows(length, Self.row)
    let queries = generator.rows(length, Self.queryHeads * Self.row)
    let choices = (0..<length).map { position in
      Array((0...position).shuffled(using: &generator).prefix(Self.count).sorted().map { Float($0) })
    }
    var layout = StateLayout()
    let cache = layout.add(.latent(dimension: Self.row))
    let rule = KeySelection(heads: 1, dimension: 1, count: Self.count, cache: cache)
    let bench = try KernelBench(layout: layout, kvType: .f32, sequences: 1, pagesPerSequence: 10)
    let latent = GuardedRows(latents)
    let query = GuardedRows(queries)
    let chosen = GuardedRows(choices.map { $0 + Array(repeating: -1, count: Self.count - $0.count) })
    let out = GuardedRows(count: length, columns: Self.queryHeads * Self.value)
    bench.step([.init(count: length)]) { step in
      appendToCache(latents: latent.rows, cache: cache, step)
      var target = out.target
      attendToLatents(
        queries: query.rows, queryHeads: Self.queryHeads, scale: 0.3, cache: cache, rule: rule, chosen: chosen.rows,
        into: &target, step
      ) { _, _ in true }
    }
    let values = out.values()
    for position in stride(from: 0, to: length, by: 13) {
      let seen = choices[position].map { latents[Int($0)] }
      let want = (0..<Self.queryHeads).flatMap { head in
        Plain.attention(
          Array(queries[position][head * Self.row..<(head + 1) * Self.row]), keys: seen, values: seen, scale: 0.3
        ).prefix(Self.value)
      }
      #expect(distance(values[position], want) <= 2e-5, "at \(position)")
    }
  }
}
