internal import InferMetrics

/// A request on the engine's thread, from its arrival to its end: its tokens and memory, how its next token is chosen,
/// the time it has taken, and the way of its events to a reader.
///
/// Made by the thread that submits the request. From ``EngineInbox/submit(_:at:)`` on it is the engine's thread's alone,
/// but for ``channel``.
final class EngineSequence: Schedulable, @unchecked Sendable {
  // Safe because one thread at a time uses it: the one that makes it until the inbox has it, then the engine's.
  var scheduling: SchedulingState
  /// The way of events to the reader.
  let channel: EventChannel
  /// The moment at which the request ends unless its reader catches up; `nil` while it does not pause.
  var deadline: ContinuousClock.Instant?
  private let sampler: Sampler
  private let stopTokens: Set<Int32>
  /// See ``GenerationRequest/promptLogprobs``.
  private let promptLogprobs: Int?
  /// See ``GenerationRequest/pooling``.
  private var pooled: PooledStates?
  private var timing: SequenceTiming
  /// The number of the prompt's first tokens whose state was on disk when the request came.
  var storedTokens = 0
  /// Remembers the tokens at the end; `nil` for a request of no session.
  private let noteTokens: (@Sendable ([Int32]) -> Void)?

  /// A sequence for a request that was checked.
  ///
  /// - Parameters:
  ///   - request: The request.
  ///   - adapter: The index of its adapter.
  ///   - tokenLimit: The maximum number of generated tokens; see ``EngineLimits/tokenLimit(of:)``.
  ///   - endTokens: The model's end tokens.
  ///   - keepsPrefixes: `true` when state is shared with the sequences of the request's scope.
  ///   - maxUnread: The number of unread tokens at which the sequence pauses.
  ///   - arrival: The time of submission.
  ///   - noteTokens: Called at the end with the tokens that were to be computed.
  /// - Complexity: O(prompt) with a repetition penalty.
  init(
    _ request: GenerationRequest, adapter: Int? = nil, tokenLimit: Int, endTokens: Set<Int32>, keepsPrefixes: Bool,
    maxUnread: Int, arrival: ContinuousClock.Instant, noteTokens: (@Sendable ([Int32]) -> Void)? = nil
  ) {
    self.noteTokens = noteTokens
    let stop = request.stop
    scheduling = SchedulingState(
      prompt: request.prompt, scoresPrompt: request.promptLogprobs != nil,
      pooled: request.pooling?.positions(of: request.prompt),
      scope: keepsPrefixes ? request.cacheScope : nil, marks: request.branches, landmarks: request.landmarks,
      priority: request.priority, client: request.client.map { Array($0.utf8) } ?? [],
      adapter: adapter)
    channel = EventChannel(capacity: maxUnread)
    stopTokens = stop.ignoresEndTokens ? stop.stopTokenIDs : stop.stopTokenIDs.union(endTokens)
    sampler = Sampler(
      request.sampling,
      processors: request.sampling.processors(minimumLength: stop.minTokens) + request.processors,
      tokenLimit: tokenLimit,
      AnswerContext(prompt: request.prompt, stopTokens: stopTokens, endTokens: endTokens))
    promptLogprobs = request.promptLogprobs
    pooled = request.pooling.map { _ in PooledStates() }
    timing = SequenceTiming(promptTokens: request.prompt.count, arrival: arrival)
  }

  /// `true` once a step computed a part of this.
  var hasStarted: Bool { timing.hasStarted }

  /// Notes that a step which computes a part of this begins. Returns whether it is the first.
  func noteStep(at now: ContinuousClock.Instant) -> Bool {
    guard !timing.hasStarted else { return false }
    timing.noteStart(at: now, cachedTokens: scheduling.cachedTokens ?? 0)
    return true
  }

  /// Notes that the memory went to a sequence before it.
  func notePreemption() { timing.notePreemption() }

  /// The use of the logits that follow the token at `position`.
  func use(ofLogitsAfter position: Int) -> RowUse {
    if let promptLogprobs, position + 1 < timing.statistics.promptTokens {
      return .score(scheduling.tokens[position + 1], top: promptLogprobs)
    }
    return sampler.tokenLimit == 0 ? .nothing : .choose(sampler)
  }

  /// The progress of a sequence in a step.
  enum Progress {
    /// The prompt is not read to its end.
    case reading
    /// A token was chosen, behind which others must come.
    case token(Int32, forced: [Int32])
    case ended(FinishReason)

    /// The outcome for the scheduler.
    var outcome: RunOutcome {
      switch self {
      case .reading: .pending
      case .token(let token, let forced): .token(token, forced: forced)
      case .ended: .ended
      }
    }
  }

  /// Passes on the results of a step's rows, which are in order of position.
  func receive(
    _ results: ArraySlice<RowResult>, at now: ContinuousClock.Instant, _ metrics: EngineMetrics
  ) -> Progress {
    var scores: [PromptTokenScore] = []
    var progress = Progress.reading
    for result in results {
      switch result {
      case .scored(let score): scores.append(score)
      case .chosen(let token, let forced):
        send(&scores, at: now)
        progress = .token(token.id, forced: forced)
        if let reason = receive(token, forced: forced, at: now, metrics) { progress = .ended(reason) }
      case .nothing:
        timing.notePromptEnd(at: now, metrics)
        progress = .ended(.length)
      case .failed(let reason): return .ended(reason)
      }
    }
    send(&scores, at: now)
    return progress
  }

  /// Takes the hidden state of the prompt's next wanted token.
  func receive(hidden row: Span<Float>) { pooled?.add(row) }

  /// Passes on the pooled hidden states once a step has computed the tokens up to `end`, if it is the prompt's.
  func receivePooled(upTo end: Int, at now: ContinuousClock.Instant, _ metrics: EngineMetrics) -> Progress {
    guard end == timing.statistics.promptTokens else { return .reading }
    guard let values = pooled?.mean else { return .ended(.notFinite) }
    timing.notePromptEnd(at: now, metrics)
    channel.send(.pooled(values), at: now)
    return .ended(.length)
  }

  private func send(_ scores: inout [PromptTokenScore], at now: ContinuousClock.Instant) {
    guard !scores.isEmpty else { return }
    channel.send(.promptScores(scores), at: now)
    scores = []
  }

  /// Passes tokens on, up to one with which the sequence ends. Returns the reason of the end if there is one.
  private func receive(
    _ token: GeneratedToken, forced: [Int32], at now: ContinuousClock.Instant, _ metrics: EngineMetrics
  ) -> FinishReason? {
    if let reason = receive(token, at: now, metrics) { return reason }
    for token in forced {
      if let reason = receive(GeneratedToken(id: token), isForced: true, at: now, metrics) { return reason }
    }
    return nil
  }

  /// Passes a token on. Returns the reason of the end if the sequence ends with it.
  private func receive(
    _ token: GeneratedToken, isForced: Bool = false, at now: ContinuousClock.Instant, _ metrics: EngineMetrics
  ) -> FinishReason? {
    timing.noteToken(isForced: isForced, at: now, metrics)
    let isStop = stopTokens.contains(token.id)
    channel.send(.token(GeneratedToken(id: token.id, logprobs: token.logprobs, isStop: isStop)), at: now)
    if isStop { return .stop }
    return timing.statistics.generatedTokens == sampler.tokenLimit ? .length : nil
  }

  /// Reports the end.
  func finish(_ reason: FinishReason, at now: ContinuousClock.Instant, _ metrics: EngineMetrics) {
    timing.noteEnd(reason, at: now, metrics)
    noteTokens?(scheduling.tokens)
    channel.finish(GenerationEnd(reason: reason, statistics: timing.statistics), at: now)
  }
}
