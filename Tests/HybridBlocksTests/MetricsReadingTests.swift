import InferCore
import InferMetrics
import TestSupport
import Testing

/// What a program that has the library alone can read.
@Suite struct MetricsReadingTests {
  @Test func metricsAreNumbers() async throws {
    let engine = try Engine(model: HashModel())
    let generation = try engine.submit(
      GenerationRequest(prompt: [1, 2, 3], sampling: .greedy, stop: try StopConditions(maxTokens: 5)))
    #expect(await generation.end.reason == .length)
    let metrics = engine.metrics
    #expect(metrics.promptTokens.value == 3 && metrics.generationTokens.value == 5)
    #expect(metrics.requestsRunning.value == 0 && metrics.kvCacheUsage.value == 0)
    #expect(metrics.requestSuccess(FinishReason.length.rawValue).value == 1)
    #expect(metrics.requestSuccess.members.reduce(0) { $0 + $1.metric.value } == 1)
    let latency = metrics.interTokenLatency
    #expect(latency.count == 4 && latency.sum > 0 && latency.cumulativeCounts.last == 4)
    #expect(latency.cumulativeCounts.count == latency.bounds.count + 1)
  }
}
