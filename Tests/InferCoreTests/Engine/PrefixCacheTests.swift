import InferMetrics
import TestSupport
import Testing

@testable import InferCore

/// The prefix cache of an engine, with a model of which any mistake in pages, slots or positions changes all logits.
@Suite struct PrefixCacheTests {
  private func prompt(_ count: Int, _ seed: UInt64) -> [Int32] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Int32.random(in: 0..<97, using: &random) }
  }

  private func run(
    _ engine: Engine, _ prompt: [Int32], _ count: Int, branches: [Int] = [], scope: CacheScope? = .shared
  ) async throws -> Collected {
    await Collected(
      try engine.submit(
        GenerationRequest(
          prompt: prompt, sampling: .greedy, stop: try StopConditions(maxTokens: count), cacheScope: scope,
          branches: branches)))
  }

  @Test(arguments: [HashModel.Memory.paged, .recurrent, [.paged, .recurrent]], [KVType.f32, .f16])
  func aHitGivesTheTokensThatColdGives(memory: HashModel.Memory, kvType: KVType) async throws {
    let model = HashModel(memory: memory)
    let engine = try Engine(model: model, configuration: smallConfiguration { $0.kvType = kvType })
    let system = prompt(70, 1)
    for turn in 0..<6 {
      let text = system + prompt(5, UInt64(10 + turn))
      let answer = try await run(engine, text, 9, branches: [70])
      #expect(answer.tokens == model.greedy(after: text, count: 9))
      #expect(answer.statistics.cachedTokens == (turn == 0 ? 0 : 70))
      // The next turn of this conversation.
      let next = text + answer.tokens + prompt(3, UInt64(20 + turn))
      let again = try await run(engine, next, 4)
      #expect(again.tokens == model.greedy(after: next, count: 4))
      #expect(again.statistics.cachedTokens == text.count + 8)
    }
    #expect(engine.metrics.prefixCacheHits.value == 5 * 70 + 6 * 83)
    #expect(engine.metrics.prefixCacheQueries.value == 6 * 75 + 6 * 87)
  }

  /// More states than there is memory for: with memory for cold ones all are found, and what they give is right. The model's
  /// own state is not rounded; the rest of its slot only takes memory.
  @Test func coldStatesAreFound() async throws {
    let model = HashModel(unusedState: 1 << 15)
    for coldMiB in [0, 4] {
      let engine = try Engine(
        model: model,
        configuration: smallConfiguration {
          ($0.kvCacheMiB, $0.stateCacheMiB, $0.coldStateMiB) = (1, 1, coldMiB)
        })
      let prompts = (0..<40).map { prompt(40, UInt64(100 + $0)) }
      for text in prompts { _ = try await run(engine, text, 1) }
      var found = 0
      for text in prompts {
        let answer = try await run(engine, text, 3)
        #expect(answer.tokens == model.greedy(after: text, count: 3))
        found += answer.statistics.cachedTokens
      }
      let cold = engine.metrics.prefixCacheEntries("cold_state").value
      #expect((engine.metrics.prefixCacheColdHits.value > 0) == (coldMiB > 0))
      #expect(
        coldMiB == 0 ? cold == 0 && found < 39 * 20 : cold > 40 && found == 39 * 40, "\(cold) cold, \(found) tokens")
      await engine.resetPrefixCache()
      #expect(engine.metrics.prefixCacheEntries("cold_state").value == 0)
    }
  }

  @Test func resettingAndOptingOutComputeAnew() async throws {
    let model = HashModel()
    let engine = try Engine(model: model, configuration: smallConfiguration())
    let text = prompt(40, 2)
    let cached = try await [
      run(engine, text, 2), run(engine, text, 2), run(engine, text, 2, scope: nil),
      run(engine, text, 2, scope: CacheScope(salt: [1])),
    ].map(\.statistics.cachedTokens)
    #expect(cached == [0, 39, 0, 0])
    #expect(engine.metrics.prefixCacheEntries("state").value > 0)
    await engine.resetPrefixCache()
    for kind in ["kv", "state"] { #expect(engine.metrics.prefixCacheEntries(kind).value == 0) }
    #expect(engine.metrics.kvCacheUsage.value == 0 && engine.metrics.stateCacheUsage.value == 0)
    #expect(try await run(engine, text, 2).statistics.cachedTokens == 0)
    await engine.shutdown()
    await engine.resetPrefixCache()
  }

  @Test func withoutItNothingIsKept() async throws {
    let engine = try Engine(model: HashModel(), configuration: smallConfiguration { $0.keepsPrefixes = false })
    for _ in 0..<2 { #expect(try await run(engine, prompt(40, 3), 2).statistics.cachedTokens == 0) }
    #expect(engine.limits.slotCount == engine.limits.maxRunning)
    #expect(engine.metrics.kvCacheUsage.value == 0 && engine.metrics.prefixCacheQueries.value == 0)
  }

  /// Choices of one prompt compute it once.
  @Test func choicesShareTheirPrompt() async throws {
    let model = HashModel()
    let rows = Counter()
    let counting = HashModel { rows.increment(by: $0.tokens.count) }
    let engine = try Engine(model: counting, configuration: smallConfiguration())
    let text = prompt(1000, 4)
    let request = GenerationRequest(prompt: text, sampling: .greedy, stop: try StopConditions(maxTokens: 3))
    for generation in try engine.submit(Array(repeating: request, count: 8)) {
      #expect(await Collected(generation).tokens == model.greedy(after: text, count: 3))
    }
    #expect(rows.value == 1000 + 7 + 8 * 2)
  }
}
