import TestSupport
import Testing

@testable import InferCore

@Suite struct AttentionTests {
  /// A layer's sizes.
  struct Shape: Sendable, CustomTestStringConvertible {
    let queryHeads: Int
    let heads: Int
    let dimension: Int
    let pageTokens: Int

    var testDescription: String { "\(queryHeads)/\(heads) heads of \(dimension), pages of \(pageTokens)" }

    static let all = [
      Shape(queryHeads: 4, heads: 4, dimension: 8, pageTokens: 16),
      Shape(queryHeads: 6, heads: 2, dimension: 5, pageTokens: 32),
      Shape(queryHeads: 8, heads: 1, dimension: 16, pageTokens: 16),
      Shape(queryHeads: 1, heads: 1, dimension: 64, pageTokens: 7),
      Shape(queryHeads: 3, heads: 1, dimension: 2, pageTokens: 1),
      // A group wider than a tile, and a page longer than a block.
      Shape(queryHeads: 70, heads: 1, dimension: 4, pageTokens: 300),
      // Heads that every format of the cache takes.
      Shape(queryHeads: 6, heads: 2, dimension: 32, pageTokens: 16),
      Shape(queryHeads: 4, heads: 1, dimension: 96, pageTokens: 20),
    ]
  }

  /// The rule by which rows see keys, beside that they see none behind them.
  struct Rule: Sendable {
    var window: Int?
    var cap: Float?
    var hasSinks = false
    /// Whether sinks are the rows' own.
    var hasRowSinks = false
    /// Biases by distance: the number of profiles and of distances.
    var profiles: (count: Int, distances: Int)?
  }

  /// Random sequences, and a cache for them.
  struct Case {
    let shape: Shape
    let scale: Float
    let queries, keys, values: [[[Float]]]
    let bench: KernelBench
    let cache: StateHandle
    let kvType: KVType
    let rule: Rule
    let sinks: [Float]?
    /// Of each row, one a head.
    let rowSinks: [[[Float]]]
    /// One a profile, from distance 0 on.
    let profiles: [[Float]]
    /// Of each row and head, one a profile.
    let weights: [[[Float]]]

    init(
      _ shape: Shape, _ kvType: KVType, lengths: [Int], seed: UInt64, threads: Int = 2, rule: Rule = Rule()
    ) throws {
      var generator = SeededGenerator(seed: seed)
      self.shape = shape
      self.kvType = kvType
      // Sharp enough that a few keys matter, and that maxima move from block to block.
      scale = 4 / Float(shape.dimension).squareRoot()
      queries = lengths.map { generator.rows($0, shape.queryHeads * shape.dimension) }
      keys = lengths.map { generator.rows($0, shape.heads * shape.dimension, scale: 2) }
      values = lengths.map { generator.rows($0, shape.heads * shape.dimension) }
      self.rule = rule
      sinks = rule.hasSinks ? generator.rows(1, shape.queryHeads, scale: 4)[0] : nil
      rowSinks = lengths.map { generator.rows($0, rule.hasRowSinks ? shape.queryHeads : 0, scale: 4) }
      let mixed = rule.profiles ?? (0, 0)
      profiles = generator.rows(mixed.count, mixed.distances, scale: 2)
      weights = lengths.map { generator.rows($0, shape.queryHeads * mixed.count) }
      var layout = StateLayout()
      _ = layout.add(.paged(heads: 1, headDimension: 3 * kvType.blockElements), window: rule.window)
      cache = layout.add(.paged(heads: shape.heads, headDimension: shape.dimension), window: rule.window)
      let pages = ((lengths.max() ?? 0) + shape.pageTokens - 1) / shape.pageTokens
      bench = try KernelBench(
        layout: layout, kvType: kvType, pageTokens: shape.pageTokens, sequences: lengths.count,
        pagesPerSequence: pages, threads: threads)
    }

    /// Appends and attends in one step, and returns the outputs.
    func run(_ parts: [KernelBench.Part]) -> [[Float]] {
      func rows(_ sequences: [[[Float]]]) -> [[Float]] {
        parts.flatMap { sequences[$0.sequence][$0.position..<$0.position + $0.count] }
      }
      let query = GuardedRows(rows(queries))
      let key = GuardedRows(rows(keys), padding: 1)
      let value = GuardedRows(rows(values), padding: 0)
      let weight = GuardedRows(rows(weights), padding: 3)
      let sink = GuardedRows(rows(rowSinks), padding: 2)
      let distances = rule.profiles.map { DistanceProfiles(profiles.flatMap { $0 }, count: $0.count) }
      let out = GuardedRows(count: query.count, columns: query.columns)
      let (heads, dimension) = (shape.heads, shape.dimension)
      bench.step(parts) { step in
        appendToCache(
          keys: key.rows, values: value.rows, heads: heads, headDimension: dimension, cache: cache, step)
        var target = out.target
        let biases: (profiles: DistanceProfiles, weights: Rows)? =
          if let distances { (distances, weight.rows) } else { nil }
        let own: Rows? = if rule.hasRowSinks { sink.rows } else { nil }
        attend(
          queries: query.rows, queryHeads: shape.queryHeads, heads: heads, headDimension: dimension, scale: scale,
          cap: rule.cap, sinks: sinks, rowSinks: own, biases: biases, cache: cache, into: &target, step)
      }
      return out.values()
    }

    /// What a row ought to be.
    func expected(_ sequence: Int, _ position: Int) -> [Double] {
      let d = shape.dimension
      return (0..<shape.queryHeads).flatMap { head -> [Double] in
        let from = head / (shape.queryHeads / shape.heads) * d
        let first = rule.window.map { max(0, position + 1 - $0) } ?? 0
        func seen(_ rows: [[Float]]) -> [[Float]] {
          rows[first...position].map { stored(Array($0[from..<from + d])) }
        }
        return Plain.attention(
          Array(queries[sequence][position][head * d..<(head + 1) * d]), keys: seen(keys[sequence]),
          values: seen(values[sequence]), scale: Double(scale), cap: rule.cap.map(Double.init),
          sink: sinks.map { Double($0[head]) }
            ?? (rule.hasRowSinks ? Double(rowSinks[sequence][position][head]) : nil),
          biases: biases(sequence, position, head, from: first))
      }
    }

    /// What is added to the scores of the keys from `first` to a row's own.
    private func biases(_ sequence: Int, _ position: Int, _ head: Int, from first: Int) -> [Double]? {
      guard let mixed = rule.profiles else { return nil }
      var sums = [Double](repeating: 0, count: position + 1 - first)
      for (profile, weight) in weights[sequence][position][(head * mixed.count)...].prefix(mixed.count).enumerated() {
        for (distance, bias) in profiles[profile].prefix(sums.count).enumerated() {
          sums[sums.count - 1 - distance] += Double(weight) * Double(bias)
        }
      }
      return sums
    }

    /// Numbers as the cache keeps them.
    private func stored(_ values: [Float]) -> [Float] {
      switch kvType {
      case .f32: values
      case .f16: values.map { Float(Float16($0)) }
      case .q8_0: stride(from: 0, to: values.count, by: 32).flatMap { Self.rounded(values[$0..<$0 + 32]) }
      }
    }

    /// A block of Q8_0: a 16-bit scale that takes the largest number to 127, and integers.
    private static func rounded(_ block: ArraySlice<Float>) -> [Float] {
      let scale = Float(Float16((block.map(abs).max() ?? 0) / 127))
      return block.map { scale == 0 ? 0 : scale * (min(max($0 / scale, -127), 127)).rounded(.toNearestOrEven) }
    }
  }

  /// Sequences of different lengths side by side, in runs of any length, over scattered pages.
  @Test(arguments: Shape.all, KVType.allCases) func anyCutMatchesSoftmax(_ shape: Shape, _ kvType: KVType) throws {
    guard shape.dimension % kvType.blockElements == 0 else { return }
    let lengths = shape.queryHeads > 8 ? [20, 305] : [1, 33, 90, 270]
    var generator = SeededGenerator(seed: 8)
    for longest in [25, 150] {
      let attention = try Case(shape, kvType, lengths: lengths, seed: 9)
      for parts in KernelBench.randomSteps(lengths, longest: longest, using: &generator) {
        let out = attention.run(parts)
        var first = 0
        for part in parts {
          // The plain way is slow: look at two rows of every run.
          for row in Set([part.count / 3, part.count - 1]) {
            let want = attention.expected(part.sequence, part.position + row)
            #expect(distance(out[first + row], want) <= 2e-5, "sequence \(part.sequence) at \(part.position + row)")
          }
          first += part.count
        }
      }
      try expectUntouchedPages(attention)
    }
  }

  /// Windows shorter than a page, than a tile and than a block, and longer than all; scores within a cap; sinks, of the
  /// rows' own as well; biases of one distance, of some and of all.
  @Test(
    arguments: [
      Rule(window: 1), Rule(window: 5), Rule(window: 16), Rule(window: 70, hasSinks: true), Rule(window: 500),
      Rule(window: 33, cap: 3, hasSinks: true), Rule(cap: 2), Rule(hasSinks: true),
      Rule(profiles: (1, 1)), Rule(profiles: (4, 20)), Rule(window: 33, profiles: (3, 33)),
      Rule(window: 70, cap: 3, hasSinks: true, profiles: (2, 300)),
      Rule(hasRowSinks: true), Rule(window: 33, hasRowSinks: true, profiles: (1, 33)),
    ], KVType.allCases) func rulesMatchSoftmax(_ rule: Rule, _ kvType: KVType) throws
  {
    for shape in Shape.all where shape.dimension % kvType.blockElements == 0 {
      let lengths = shape.queryHeads > 8 ? [305] : [33, 290]
      var generator = SeededGenerator(seed: 15)
      for longest in [6, 150] {
        let attention = try Case(shape, kvType, lengths: lengths, seed: 16, rule: rule)
        for parts in KernelBench.randomSteps(lengths, longest: longest, using: &generator) {
          let out = attention.run(parts)
          var first = 0
          for part in parts {
            for row in Set([0, part.count / 3, part.count - 1]) {
              let want = attention.expected(part.sequence, part.position + row)
              #expect(distance(out[first + row], want) <= 2e-5, "\(shape), \(part.sequence) at \(part.position + row)")
            }
            first += part.count
          }
        }
      }
    }
  }

  /// A window longer than what one thread takes, beside the work that is counted for it.
  @Test func longWindows() throws {
    let shape = Shape(queryHeads: 2, heads: 1, dimension: 32, pageTokens: 16)
    let attention = try Case(
      shape, .f16, lengths: [5000], seed: 17, rule: Rule(window: 4000, hasSinks: true))
    _ = attention.run([.init(count: 4900)])
    for (position, count) in [(4900, 1), (4901, 40), (4941, 3)] {
      let out = attention.run([.init(position: position, count: count)])
      for row in Set([0, count - 1]) {
        #expect(distance(out[row], attention.expected(0, position + row)) <= 2e-5, "row \(row) at \(position)")
      }
    }
  }

  /// The borders of pages and of blocks of 256 keys, one token at a time and as the last of a run.
  @Test(arguments: [1, 2, 9, 64]) func bordersOfPagesAndBlocks(rows: Int) throws {
    let shape = Shape(queryHeads: 2, heads: 1, dimension: 8, pageTokens: 16)
    let attention = try Case(shape, .f32, lengths: [600], seed: 10)
    _ = attention.run([.init(count: 10)])
    var position = 10
    while position < 600 {
      let border = [15, 16, 17, 255, 256, 257, 511, 512, 513, 599].first { $0 >= position } ?? 599
      if border - position > rows {
        _ = attention.run([.init(position: position, count: border - position - rows + 1)])
        position = border - rows + 1
      }
      let count = min(rows, 600 - position)
      let out = attention.run([.init(position: position, count: count)])
      let want = attention.expected(0, position + count - 1)
      #expect(distance(out[count - 1], want) <= 2e-5, "at \(position + count - 1)")
      position += count
    }
  }

  /// Keys beyond what one thread takes: the last of them count, and so do the first.
  @Test(arguments: KVType.allCases) func longContexts(_ kvType: KVType) throws {
    let shape = Shape(queryHeads: 2, heads: 1, dimension: 32, pageTokens: 16)
    let attention = try Case(shape, kvType, lengths: [2 * 2048 + 40], seed: 11)
    _ = attention.run([.init(count: 2040)])
    for (position, count) in [(2040, 1), (2041, 8), (2049, 1), (2050, 2000), (4050, 45), (4095, 3), (4098, 38)] {
      let out = attention.run([.init(position: position, count: count)])
      for row in Set([0, count - 1]) {
        let want = attention.expected(0, position + row)
        #expect(distance(out[row], want) <= 2e-5, "row \(row) of \(count) at \(position)")
      }
    }
  }

  /// The same numbers, to the last bit, from any number of threads, and beside other sequences or alone.
  @Test(arguments: KVType.allCases) func neitherThreadsNorOthersChangeAnything(_ kvType: KVType) throws {
    let shape = Shape(queryHeads: 6, heads: 2, dimension: 32, pageTokens: 16)
    let lengths = [2300, 70, 1, 2070]
    var first: [[Float]]?
    for threads in 1...3 {
      let attention = try Case(shape, kvType, lengths: lengths, seed: 12, threads: threads)
      let prompts = lengths.indices.filter { lengths[$0] > 2 }
      _ = attention.run(prompts.map { KernelBench.Part(sequence: $0, count: lengths[$0] - 2) })
      let decodes = lengths.indices.map { sequence in
        let count = min(lengths[sequence], 2)
        return KernelBench.Part(sequence: sequence, position: lengths[sequence] - count, count: count)
      }
      let together = attention.run(decodes)
      let alone = decodes.flatMap { attention.run([$0]) }
      #expect(together == alone, "\(threads) threads")
      if let first { #expect(together == first, "\(threads) threads") }
      first = together
    }
  }

  /// Rows around a capture round as if the run had been cut there, in tiles and in parts of keys.
  @Test(arguments: KVType.allCases) func aCaptureIsACut(_ kvType: KVType) throws {
    let shape = Shape(queryHeads: 6, heads: 2, dimension: 32, pageTokens: 16)
    let lengths = [90, 2300]
    let cuts = [[0, 3, 40, 41, 90], [0, 2200, 2201, 2215, 2300]]
    let captured = try Case(shape, kvType, lengths: lengths, seed: 14)
    let cut = try Case(shape, kvType, lengths: lengths, seed: 14)
    let parts = lengths.indices.map { sequence in
      KernelBench.Part(
        sequence: sequence, count: lengths[sequence],
        captures: cuts[sequence].dropFirst().enumerated().map { index, end in
          StateCapture(rows: end, slot: Int32(10 * (sequence + 1) + index))
        })
    }
    let want = lengths.indices.flatMap { sequence in
      zip(cuts[sequence], cuts[sequence].dropFirst()).flatMap { first, end in
        cut.run([.init(sequence: sequence, position: first, count: end - first)])
      }
    }
    #expect(captured.run(parts) == want)
  }

  @Test func headsThatAreNoBlocksAreRefused() throws {
    var layout = StateLayout()
    _ = layout.add(.paged(heads: 2, headDimension: 48))
    #expect(
      throws: ModelError.unsuitable(
        "attention cache: q8_0 needs heads of a multiple of 32 elements, and this model's have 48; f16 takes any")
    ) {
      try StateStore(layout: layout, kvType: .q8_0, pageTokens: 16, pageCount: 1, slotCount: 1)
    }
  }

  /// Scores far apart must neither overflow nor vanish.
  @Test(arguments: [Float(1e3), -1e3, 1e-6]) func extremeScores(factor: Float) throws {
    let shape = Shape(queryHeads: 1, heads: 1, dimension: 1, pageTokens: 16)
    var layout = StateLayout()
    let cache = layout.add(.paged(heads: 1, headDimension: 1))
    let bench = try KernelBench(layout: layout, pagesPerSequence: 20)
    let keys = (0..<300).map { [Float($0 % 7) * factor] }
    let values = (0..<300).map { [Float($0)] }
    for rows in [1, 300] {
      let key = GuardedRows(keys)
      let value = GuardedRows(values)
      let query = GuardedRows(Array(repeating: [Float(1)], count: rows))
      let out = GuardedRows(count: rows, columns: 1)
      bench.step(rows: 300) { step in
        appendToCache(keys: key.rows, values: value.rows, heads: 1, headDimension: 1, cache: cache, step)
      }
      bench.step([.init(position: 300 - rows, count: rows)]) { step in
        var target = out.target
        attend(
          queries: query.rows, queryHeads: shape.queryHeads, heads: 1, headDimension: 1, scale: 1, cache: cache,
          into: &target, step)
      }
      let want = Plain.attention([1], keys: keys, values: values, scale: 1)
      #expect(distance(out.values()[rows - 1], want) <= 1e-5)
    }
  }

  /// Biases beyond what one thread takes: some of its keys are too far away, and others' are not.
  @Test func biasesOfLongContexts() throws {
    let shape = Shape(queryHeads: 4, heads: 2, dimension: 32, pageTokens: 16)
    let attention = try Case(shape, .f16, lengths: [2 * 2048 + 40], seed: 18, rule: Rule(profiles: (4, 2100)))
    _ = attention.run([.init(count: 2040)])
    for (position, count) in [(2040, 1), (2041, 8), (2049, 1), (2050, 2000), (4050, 45), (4095, 3), (4098, 38)] {
      let out = attention.run([.init(position: position, count: count)])
      for row in Set([0, count - 1]) {
        let want = attention.expected(0, position + row)
        #expect(distance(out[row], want) <= 2e-5, "row \(row) of \(count) at \(position)")
      }
    }
  }

  private func expectUntouchedPages(_ attention: Case) throws {
    let store = attention.bench.store
    let words = store.pageTokens * 2 * attention.shape.heads * attention.kvType.bytes(attention.shape.dimension) / 2
    for page in attention.bench.freePages {
      let bytes = unsafe store.page(page, of: attention.cache).assumingMemoryBound(to: UInt16.self)
      #expect((0..<words).allSatisfy { unsafe bytes[$0] == 0 }, "page \(page) of nobody was written")
    }
  }
}
