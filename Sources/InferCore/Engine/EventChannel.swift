internal import DequeModule

/// The way of a generation's events from the engine's thread to a reader. The end is kept, and may be asked for often.
///
/// Events wait until they are read, but not any number of them: a channel that is full tells the sender to pause, and
/// once half of it is read, that it may go on.
final class EventChannel: Sendable {
  private struct State {
    /// Tokens, of the prompt and generated, that wait to be read.
    var unread = 0
    /// `true` from the time the sender is told to pause until it may go on.
    var isPaused = false
    var scores: Deque<[PromptTokenScore]> = []
    var tokens: Deque<GeneratedToken> = []
    var pooled: [Float]?
    var end: GenerationEnd?
    var isEndRead = false
    var reader: CheckedContinuation<GenerationEvent?, Never>?
    var waiting: [CheckedContinuation<GenerationEnd, Never>] = []

    /// The next event; `.some(nil)` after the last, `nil` when there is none yet.
    mutating func take() -> GenerationEvent?? {
      // Scores of the prompt come before all tokens.
      if let scores = scores.popFirst() {
        unread -= scores.count
        return .promptScores(scores)
      }
      if let values = pooled {
        pooled = nil
        return .pooled(values)
      }
      if let token = tokens.popFirst() {
        unread -= 1
        return .token(token)
      }
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
  private let capacity: Int

  /// A channel that is full with `capacity` unread tokens.
  init(capacity: Int) { self.capacity = capacity }

  /// Returns `true` when the sender has to pause, until it is told to go on.
  func isFull() -> Bool {
    state.withLock { state in
      if state.unread >= capacity { state.isPaused = true }
      return state.isPaused
    }
  }

  /// `true` once the generation has ended, read or not.
  var hasEnded: Bool { state.withLock { $0.end != nil } }

  /// Takes scores of the next tokens of the prompt.
  func send(_ scores: [PromptTokenScore]) { send(scores.count) { $0.scores.append(scores) } }

  /// Takes the next token.
  func send(_ token: GeneratedToken) { send(1) { $0.tokens.append(token) } }

  /// Takes the pooled hidden states of the prompt.
  func send(pooled values: [Float]) { send(0) { $0.pooled = values } }

  private func send(_ count: Int, _ append: (inout State) -> Void) {
    let delivery = state.withLock { state in
      state.unread += count
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

  /// The next event, once there is one; `nil` after the end. Calls `resume` when a sender that paused may go on.
  func next(isolation actor: isolated (any Actor)?, resume: () -> Void) async -> GenerationEvent? {
    let (event, mayGoOn) = state.withLock { state in
      let event = state.take()
      guard state.isPaused, state.unread <= capacity / 2 else { return (event, false) }
      state.isPaused = false
      return (event, true)
    }
    if mayGoOn { resume() }
    if let event { return event }
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
