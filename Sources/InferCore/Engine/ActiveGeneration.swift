/// What the engine's thread knows of an unfinished request.
final class ActiveGeneration {
  let submission: EngineInbox.Submission
  let sampler: Sampler
  private(set) var statistics: GenerationStatistics
  private let stopTokens: Set<Int32>
  private var start: ContinuousClock.Instant?
  private var firstToken: ContinuousClock.Instant?
  private var lastToken: ContinuousClock.Instant?

  init(_ submission: EngineInbox.Submission, endTokens: Set<Int32>) {
    self.submission = submission
    let stop = submission.request.stop
    stopTokens = stop.ignoresEndTokens ? stop.stopTokenIDs : stop.stopTokenIDs.union(endTokens)
    sampler = Sampler(submission.request, stopTokens: stopTokens)
    statistics = GenerationStatistics(promptTokens: submission.request.prompt.count)
  }

  /// Notes that the first step which computes a part of this begins.
  func begin(at now: ContinuousClock.Instant) {
    guard start == nil else { return }
    start = now
    statistics.queueTime = now - submission.arrival
  }

  func notePreemption() { statistics.preemptions += 1 }

  /// Passes a token on, and returns why the generation ends with it, if it does.
  func receive(_ token: GeneratedToken, at now: ContinuousClock.Instant, _ metrics: EngineMetrics) -> FinishReason? {
    statistics.generatedTokens += 1
    metrics.generationTokens.increment()
    if let lastToken {
      metrics.interTokenLatency.observe(now - lastToken)
    } else {
      firstToken = now
      statistics.prefillTime = now - (start ?? now)
      statistics.timeToFirstToken = now - submission.arrival
      metrics.timeToFirstToken.observe(now - submission.arrival)
      metrics.promptTokens.increment(by: statistics.promptTokens)
    }
    lastToken = now
    let isStop = stopTokens.contains(token.id)
    submission.channel.send(GeneratedToken(id: token.id, logprobs: token.logprobs, isStop: isStop))
    if isStop { return .stop }
    return statistics.generatedTokens == submission.tokenLimit ? .length : nil
  }

  /// Reports the end.
  func finish(_ reason: FinishReason, at now: ContinuousClock.Instant, _ metrics: EngineMetrics) {
    if start == nil { statistics.queueTime = now - submission.arrival }
    if let firstToken, let lastToken { statistics.decodeTime = lastToken - firstToken }
    statistics.totalTime = now - submission.arrival
    record(reason, metrics)
    submission.channel.finish(GenerationEnd(reason: reason, statistics: statistics))
  }

  private func record(_ reason: FinishReason, _ metrics: EngineMetrics) {
    metrics.requestSuccess(reason.rawValue).increment()
    metrics.endToEndLatency.observe(statistics.totalTime)
    metrics.queueTime.observe(statistics.queueTime)
    metrics.requestPromptTokens.observe(Double(statistics.promptTokens))
    metrics.requestGenerationTokens.observe(Double(statistics.generatedTokens))
    guard firstToken != nil else { return }
    metrics.prefillTime.observe(statistics.prefillTime)
    metrics.decodeTime.observe(statistics.decodeTime)
    guard statistics.generatedTokens > 1 else { return }
    metrics.timePerOutputToken.observe(statistics.decodeTime.seconds / Double(statistics.generatedTokens - 1))
  }
}
