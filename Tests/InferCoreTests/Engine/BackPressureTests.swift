import InferMetrics
import TestSupport
import Testing

@testable import InferCore

/// Generations whose readers are behind.
struct BackPressureTests {
  private func engine(patience: Duration = .seconds(600)) throws -> Engine {
    var configuration = EngineConfiguration()
    configuration.threads = 1
    configuration.maxUnreadTokens = 8
    configuration.maxRunning = 2
    configuration.readerPatience = patience
    return try Engine(model: HashModel(vocabularySize: 64), configuration: configuration)
  }

  private func request(_ count: Int, seed: UInt64 = 1) throws -> GenerationRequest {
    GenerationRequest(
      prompt: [1, 2, 3], sampling: try SamplingParameters(seed: seed), stop: try StopConditions(maxTokens: count))
  }

  private func tokens(_ generation: Generation) async -> (ids: [Int32], end: FinishReason?) {
    var ids: [Int32] = []
    for await event in generation {
      switch event {
      case .token(let token): ids.append(token.id)
      case .finished(let reason, _): return (ids, reason)
      case .promptScores, .pooled: break
      }
    }
    return (ids, nil)
  }

  @Test func whatIsNotReadIsNotGeneratedAndSlowsNobody() async throws {
    let engine = try engine()
    let expected = await tokens(try engine.submit(try request(100)))
    // As many as can run at the same time.
    let slow = [try engine.submit(try request(100)), try engine.submit(try request(100))]
    for seed in 2..<6 { #expect(await tokens(try engine.submit(try request(50, seed: UInt64(seed)))).ids.count == 50) }
    #expect(engine.metrics.generationTokens.value == 100 + 4 * 50 + 2 * 8)
    for generation in slow {
      let read = await tokens(generation)
      #expect(read.ids == expected.ids && read.end == .length)
    }
    await engine.shutdown()
  }

  @Test func whatIsNeverReadEnds() async throws {
    let engine = try engine(patience: .milliseconds(50))
    let generation = try engine.submit(try request(100))
    let end = await generation.end
    #expect(end.reason == .unread && end.statistics.generatedTokens == 8)
    let read = await tokens(generation)
    #expect(read.ids.count == 8 && read.end == .unread)
    await engine.shutdown()
  }

  @Test func drainingEndsPausedGenerations() async throws {
    let engine = try engine()
    let generation = try engine.submit(try request(100))
    while engine.metrics.generationTokens.value < 8 { try await Task.sleep(for: .milliseconds(1)) }
    await engine.drain(within: .milliseconds(50))
    #expect(await generation.end.reason == .shutdown)
    await engine.shutdown()
  }

  @Test func pausedGenerationsCanBeCancelledAndShutDown() async throws {
    let engine = try engine()
    let generations = [try engine.submit(try request(100)), try engine.submit(try request(100))]
    while engine.metrics.generationTokens.value < 16 { try await Task.sleep(for: .milliseconds(1)) }
    generations[0].cancel()
    #expect(await generations[0].end.reason == .cancelled)
    await engine.shutdown()
    #expect(await generations[1].end.reason == .shutdown)
  }
}
