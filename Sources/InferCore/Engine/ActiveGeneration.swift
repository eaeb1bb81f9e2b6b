internal import InferText

/// What the engine's thread knows of an unfinished request.
final class ActiveGeneration {
  let submission: EngineInbox.Submission
  let sampler: Sampler
  private(set) var statistics: GenerationStatistics
  private let stopTokens: Set<Int32>
  private var start: ContinuousClock.Instant?
  private var promptEnd: ContinuousClock.Instant?
  private var firstToken: ContinuousClock.Instant?
  private var lastToken: ContinuousClock.Instant?

  init(_ submission: EngineInbox.Submission, endTokens: Set<Int32>) {
    self.submission = submission
    let stop = submission.request.stop
    stopTokens = stop.ignoresEndTokens ? stop.stopTokenIDs : stop.stopTokenIDs.union(endTokens)
    sampler = Sampler(
      submission.request.sampling, prompt: submission.request.prompt, minimumLength: stop.minTokens,
      stopTokens: stopTokens)
    statistics = GenerationStatistics(promptTokens: submission.request.prompt.count)
  }

  /// Notes that the first step which computes a part of this begins.
  func begin(at now: ContinuousClock.Instant) {
    guard start == nil else { return }
    start = now
    statistics.queueTime = now - submission.arrival
  }

  func notePreemption() { statistics.preemptions += 1 }

  /// The use of the logits that follow the token at `position`.
  func use(ofLogitsAfter position: Int) -> RowUse {
    let request = submission.request
    if let count = request.promptLogprobs, position + 1 < request.prompt.count {
      return .score(request.prompt[position + 1], top: count)
    }
    return submission.tokenLimit == 0 ? .nothing : .choose(sampler)
  }

  /// How far a step has brought a generation.
  enum Progress {
    /// The prompt is not read to its end.
    case reading
    case token(Int32)
    case ended(FinishReason)
  }

  /// Passes on what came of a step's rows, in order of position.
  func receive(
    _ results: ArraySlice<RowResult>, at now: ContinuousClock.Instant, _ metrics: EngineMetrics
  ) -> Progress {
    var scores: [PromptTokenScore] = []
    var progress = Progress.reading
    for result in results {
      switch result {
      case .scored(let score): scores.append(score)
      case .chosen(let token):
        tell(&scores)
        progress = receive(token, at: now, metrics).map(Progress.ended) ?? .token(token.id)
      case .nothing:
        notePromptEnd(at: now, metrics)
        progress = .ended(.length)
      case .unsound: return .ended(.error)
      }
    }
    tell(&scores)
    return progress
  }

  private func tell(_ scores: inout [PromptTokenScore]) {
    guard !scores.isEmpty else { return }
    submission.channel.send(scores)
    scores = []
  }

  private func notePromptEnd(at now: ContinuousClock.Instant, _ metrics: EngineMetrics) {
    promptEnd = now
    statistics.prefillTime = now - (start ?? now)
    metrics.promptTokens.increment(by: statistics.promptTokens)
  }

  /// Passes a token on, and returns why the generation ends with it, if it does.
  private func receive(
    _ token: GeneratedToken, at now: ContinuousClock.Instant, _ metrics: EngineMetrics
  ) -> FinishReason? {
    statistics.generatedTokens += 1
    metrics.generationTokens.increment()
    if let lastToken {
      metrics.interTokenLatency.observe(now - lastToken)
    } else {
      firstToken = now
      notePromptEnd(at: now, metrics)
      statistics.timeToFirstToken = now - submission.arrival
      metrics.timeToFirstToken.observe(now - submission.arrival)
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
    guard promptEnd != nil else { return }
    metrics.prefillTime.observe(statistics.prefillTime)
    guard firstToken != nil else { return }
    metrics.decodeTime.observe(statistics.decodeTime)
    guard statistics.generatedTokens > 1 else { return }
    metrics.timePerOutputToken.observe(statistics.decodeTime.seconds / Double(statistics.generatedTokens - 1))
  }
}
