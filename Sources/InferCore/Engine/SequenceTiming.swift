internal import InferMetrics

/// The times and counts of one request, for its statistics and for the engine's metrics. It is told the time.
struct SequenceTiming {
  /// The statistics so far.
  private(set) var statistics: GenerationStatistics
  private let arrival: ContinuousClock.Instant
  private var start: ContinuousClock.Instant?
  private var promptEnd: ContinuousClock.Instant?
  private var firstToken: ContinuousClock.Instant?
  private var lastToken: ContinuousClock.Instant?

  /// The timing of a request that came at `arrival`.
  init(promptTokens: Int, arrival: ContinuousClock.Instant) {
    statistics = GenerationStatistics(promptTokens: promptTokens)
    self.arrival = arrival
  }

  /// `true` once a step that computes a part of the request has begun.
  var hasStarted: Bool { start != nil }

  /// Notes that the first step which computes a part of the request begins, which ends its time in the queue;
  /// `cachedTokens` of the prompt need no step.
  mutating func noteStart(at now: ContinuousClock.Instant, cachedTokens: Int = 0) {
    precondition(start == nil, "a request that started begins again")
    statistics.cachedTokens = cachedTokens
    start = now
    statistics.queueTime = now - arrival
  }

  /// Notes that the request lost its memory to one before it.
  mutating func notePreemption() { statistics.preemptions += 1 }

  /// Notes that the prompt is read.
  mutating func notePromptEnd(at now: ContinuousClock.Instant, _ metrics: EngineMetrics) {
    promptEnd = now
    statistics.prefillTime = now - (start ?? now)
    metrics.promptTokens.increment(by: statistics.promptTokens)
  }

  /// Notes a generated token; the first also ends the prompt.
  ///
  /// - Parameter isForced: `true` for one that comes with the token before it, since the model was not asked: it has no latency.
  mutating func noteToken(isForced: Bool = false, at now: ContinuousClock.Instant, _ metrics: EngineMetrics) {
    statistics.generatedTokens += 1
    metrics.generationTokens.increment()
    if isForced { return }
    if let lastToken {
      metrics.interTokenLatency.observe(now - lastToken)
    } else {
      firstToken = now
      notePromptEnd(at: now, metrics)
      statistics.timeToFirstToken = now - arrival
      metrics.timeToFirstToken.observe(now - arrival)
    }
    lastToken = now
  }

  /// Notes the end, which completes the statistics.
  mutating func noteEnd(_ reason: FinishReason, at now: ContinuousClock.Instant, _ metrics: EngineMetrics) {
    if start == nil { statistics.queueTime = now - arrival }
    if let firstToken, let lastToken { statistics.decodeTime = lastToken - firstToken }
    statistics.totalTime = now - arrival
    metrics.requestSuccess(reason.rawValue).increment()
    metrics.endToEndLatency.observe(statistics.totalTime)
    metrics.queueTime.observe(statistics.queueTime)
    metrics.requestPromptTokens.observe(Double(statistics.promptTokens))
    metrics.requestGenerationTokens.observe(Double(statistics.generatedTokens))
    guard promptEnd != nil else { return }
    metrics.prefillTime.observe(statistics.prefillTime)
    guard firstToken != nil else { return }
    metrics.decodeTime.observe(statistics.decodeTime)
    guard statistics.generatedTokens > 1 else { return }
    metrics.timePerOutputToken.observe(statistics.decodeTime.seconds / Double(statistics.generatedTokens - 1))
  }
}
