import InferMetrics
import Testing

@testable import InferCore

@Suite struct SequenceTimingTests {
  private let metrics = EngineMetrics(modelName: "model")
  private let arrival = ContinuousClock.now

  private func after(_ seconds: Int) -> ContinuousClock.Instant { arrival + .seconds(seconds) }

  @Test func timesAreThoseBetweenTheMomentsThatAreTold() {
    var timing = SequenceTiming(promptTokens: 5, arrival: arrival)
    timing.noteStart(at: after(1))
    timing.notePreemption()
    for seconds in [4, 5, 7] { timing.noteToken(at: after(seconds), metrics) }
    timing.noteEnd(.stop, at: after(8), metrics)
    var expected = GenerationStatistics(promptTokens: 5)
    (expected.generatedTokens, expected.preemptions) = (3, 1)
    (expected.queueTime, expected.prefillTime, expected.decodeTime) = (.seconds(1), .seconds(3), .seconds(3))
    (expected.timeToFirstToken, expected.totalTime) = (.seconds(4), .seconds(8))
    #expect(timing.statistics == expected)
    #expect(metrics.promptTokens.value == 5 && metrics.generationTokens.value == 3)
    #expect(metrics.interTokenLatency.sum == 3 && metrics.interTokenLatency.count == 2)
    #expect(metrics.timePerOutputToken.sum == 1.5 && metrics.timeToFirstToken.sum == 4)
    #expect(metrics.requestSuccess("stop").value == 1)
  }

  /// A request that ends in the queue has waited all its life, and is in no histogram of what never began.
  @Test func aRequestThatNeverRanHasOnlyWaited() {
    var timing = SequenceTiming(promptTokens: 5, arrival: arrival)
    timing.noteEnd(.cancelled, at: after(3), metrics)
    #expect(timing.statistics.queueTime == .seconds(3) && timing.statistics.totalTime == .seconds(3))
    #expect(timing.statistics.timeToFirstToken == nil && metrics.queueTime.sum == 3)
    #expect(metrics.prefillTime.count == 0 && metrics.decodeTime.count == 0 && metrics.promptTokens.value == 0)
  }

  @Test func aPromptThatIsOnlyReadHasNoFirstToken() {
    var timing = SequenceTiming(promptTokens: 5, arrival: arrival)
    timing.noteStart(at: after(1))
    timing.notePromptEnd(at: after(3), metrics)
    timing.noteEnd(.length, at: after(4), metrics)
    #expect(timing.statistics.prefillTime == .seconds(2) && timing.statistics.timeToFirstToken == nil)
    #expect(metrics.prefillTime.sum == 2 && metrics.decodeTime.count == 0 && metrics.promptTokens.value == 5)
  }
}
