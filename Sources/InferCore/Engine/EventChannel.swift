internal import DequeModule

/// The way of a generation's events from the engine's thread to a reader. The end is kept for whoever asks.
final class EventChannel: Sendable {
  private struct State {
    var scores: Deque<[PromptTokenScore]> = []
    var tokens: Deque<GeneratedToken> = []
    var end: GenerationEnd?
    var isEndRead = false
    var reader: CheckedContinuation<GenerationEvent?, Never>?
    var waiting: [CheckedContinuation<GenerationEnd, Never>] = []

    /// The next event; `.some(nil)` after the last, `nil` when there is none yet.
    mutating func take() -> GenerationEvent?? {
      // Scores of the prompt come before all tokens.
      if let scores = scores.popFirst() { return .promptScores(scores) }
      if let token = tokens.popFirst() { return .token(token) }
      guard let end else { return nil }
      if isEndRead { return .some(nil) }
      isEndRead = true
      return .finished(end.reason, end.statistics)
    }

    /// The reader, if one waits and there is an event for it.
    mutating func delivery() -> (CheckedContinuation<GenerationEvent?, Never>, GenerationEvent?)? {
      guard let reader, let event = take() else { return nil }
      self.reader = nil
      return (reader, event)
    }
  }

  private let state = Monitor(State())

  /// Whether the generation has ended, read or not.
  var hasEnded: Bool { state.withLock { $0.end != nil } }

  /// Takes scores of the next tokens of the prompt.
  func send(_ scores: [PromptTokenScore]) { send { $0.scores.append(scores) } }

  /// Takes the next token.
  func send(_ token: GeneratedToken) { send { $0.tokens.append(token) } }

  private func send(_ append: (inout State) -> Void) {
    let delivery = state.withLock { state in
      append(&state)
      return state.delivery()
    }
    delivery.map { $0.resume(returning: $1) }
  }

  /// Takes the end, after which nothing is sent.
  func finish(_ end: GenerationEnd) {
    let (delivery, waiting) = state.withLock { state in
      precondition(state.end == nil, "a generation that ended by \(end.reason) had ended before")
      state.end = end
      defer { state.waiting = [] }
      return (state.delivery(), state.waiting)
    }
    delivery.map { $0.resume(returning: $1) }
    for waiter in waiting { waiter.resume(returning: end) }
  }

  /// The next event, once there is one; `nil` after the end.
  func next(isolation actor: isolated (any Actor)?) async -> GenerationEvent? {
    if let event = state.withLock({ $0.take() }) { return event }
    return await withCheckedContinuation(isolation: actor) { continuation in
      let delivery = state.withLock { state in
        precondition(state.reader == nil, "two tasks read one generation at the same time")
        state.reader = continuation
        return state.delivery()
      }
      delivery.map { $0.resume(returning: $1) }
    }
  }

  /// The end, once it is there.
  func end() async -> GenerationEnd {
    await withCheckedContinuation { continuation in
      let end = state.withLock { state in
        if state.end == nil { state.waiting.append(continuation) }
        return state.end
      }
      if let end { continuation.resume(returning: end) }
    }
  }
}
