import TestSupport
import Testing

@testable import InferCore

/// Latent attention by absorbed maps and by expanded latent vectors, against keys and values that are computed plainly.
@Suite struct LatentMapsKernelTests {
  private static let heads = 3, latent = 64, key = 32, shared = 32, value = 17
  private static let row = latent + shared, query = key + shared

  private struct Model {
    let maps: LatentMaps
    let keys: [[[Float]]]
    let values: [[[Float]]]
  }

  private func model(_ format: WeightFormat, _ generator: inout SeededGenerator) throws -> Model {
    let keys = try (0..<Self.heads).map { _ in
      try PackedMatrix.rounded(generator.rows(Self.latent, Self.key), to: format)
    }
    let values = try (0..<Self.heads).map { _ in
      try PackedMatrix.rounded(generator.rows(Self.value, Self.latent), to: format)
    }
    return Model(
      maps: LatentMaps(
        keys: keys.map(\.matrix), values: values.map(\.matrix), sharedKeyDimension: Self.shared),
      keys: keys.map(\.values), values: values.map(\.values))
  }

  /// Few rows are absorbed and many expanded, later the sooner; the choice does not depend on anything else.
  @Test func theChoiceIsTheCheaper() throws {
    var generator = SeededGenerator(seed: 31)
    let maps = try model(.f32, &generator).maps
    #expect(!maps.expands(rows: 1, after: 0) && !maps.expands(rows: 1, after: 1 << 30))
    #expect(!maps.expands(rows: 40, after: 0) && maps.expands(rows: 60, after: 0))
    #expect(maps.expands(rows: 60, after: 100_000) && !maps.expands(rows: 20, after: 100_000))
  }

  /// Any cut, over scattered pages, with formats that multiply floats, parts of them and rounded numbers: as far off as
  /// rounding of activations makes absorbed maps, and without it as near as floats allow.
  @Test(
    arguments: [(.f32, .f32), (.f32, .f16), (.f32, .q8_0), (.bf16, .f16), (.q8_0, .f16)] as [(WeightFormat, KVType)])
  func anyCutMatchesPlainKeysAndValues(_ format: WeightFormat, _ kvType: KVType) throws {
    var generator = SeededGenerator(seed: 32)
    let model = try model(format, &generator)
    let lengths = [1, 70, 600]
    let scale = 3 / Float(Self.query * Self.latent).squareRoot()
    let queries = lengths.map { generator.rows($0, Self.heads * Self.query) }
    let latents = lengths.map { generator.rows($0, Self.row) }
    var layout = StateLayout()
    let cache = layout.add(.latent(dimension: Self.row))
    let bench = try KernelBench(layout: layout, kvType: kvType, sequences: 3, pagesPerSequence: (600 + 15) / 16)
    let single = try KernelBench(
      layout: layout, kvType: kvType, sequences: 3, pagesPerSequence: (600 + 15) / 16, threads: 1)
    let tokens = latents.map { $0.map { expanded(model, kvType.stored($0)) } }
    var ways = [0, 0]
    for parts in KernelBench.randomSteps(lengths, longest: 150, using: &generator) {
      func compute(_ bench: KernelBench, _ parts: [KernelBench.Part]) -> [[Float]] {
        func rows(_ sequences: [[[Float]]]) -> [[Float]] {
          parts.flatMap { sequences[$0.sequence][$0.position..<$0.position + $0.count] }
        }
        let query = GuardedRows(rows(queries))
        let latent = GuardedRows(rows(latents), padding: 1)
        let out = GuardedRows(count: query.count, columns: Self.heads * Self.value)
        bench.step(parts) { step in
          appendToCache(latents: latent.rows, cache: cache, step)
          var target = out.target
          model.maps.attend(queries: query.rows, scale: scale, cache: cache, into: &target, step)
        }
        return out.values()
      }
      let values = compute(bench, parts)
      #expect(parts.flatMap { compute(single, [$0]) } == values, "alone, with one thread")
      var first = 0
      for part in parts {
        ways[model.maps.expands(rows: part.count, after: part.position) ? 1 : 0] += 1
        for row in Set([0, part.count / 2, part.count - 1]) {
          let position = part.position + row
          let query = queries[part.sequence][position]
          let want = (0..<Self.heads).flatMap { head -> ArraySlice<Double> in
            let seen = tokens[part.sequence][...position].map { $0[head] }
            return Plain.attention(
              Array(query[head * Self.query..<(head + 1) * Self.query]), keys: seen.map(\.key),
              values: seen.map(\.value), scale: Double(scale)
            ).prefix(Self.value)
          }
          let limit = format == .q8_0 ? 3e-2 : format == .bf16 ? 1e-4 : 2e-5
          #expect(distance(values[first + row], want) <= limit, "sequence \(part.sequence) at \(position)")
        }
        first += part.count
      }
    }
    #expect(ways[0] > 2 && ways[1] > 2, "both ways: \(ways)")
  }

  /// The key and the value of each head, computed of a row of the cache.
  private func expanded(_ model: Model, _ row: [Float]) -> [(key: [Float], value: [Float])] {
    (0..<Self.heads).map { head in
      var key = [Float](repeating: 0, count: Self.key)
      for (element, map) in zip(row, model.keys[head]) {
        for index in key.indices { key[index] += element * map[index] }
      }
      let value = model.values[head].map { map in zip(row, map).reduce(0) { $0 + $1.0 * $1.1 } }
      // Plain attention has values as wide as keys.
      return (key + row[Self.latent...], value + [Float](repeating: 0, count: Self.query - Self.value))
    }
  }
}
