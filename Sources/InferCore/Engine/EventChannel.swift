internal import DequeModule

/// The way of a generation's events from the engine's thread to a reader. The end is kept, and may be asked for often.
///
/// Events wait until they are read, but not any number of them: a channel that is full tells the sender to pause, and
/// once half of it is read, that it may go on.
final class EventChannel: Sendable {
  /// An event, and the end of the step that it comes from.
  struct Sent: Sendable {
    let event: GenerationEvent
    let time: ContinuousClock.Instant
  }

  private struct State {
    /// Tokens, of the prompt and generated, that wait to be read.
    var unread = 0
    /// `true` from the time the sender is told to pause until it may go on.
    var isPaused = false
    var events: Deque<Sent> = []
    var end: GenerationEnd?
    var reader: CheckedContinuation<Sent?, Never>?
    var waiting: [CheckedContinuation<GenerationEnd, Never>] = []

    /// The next event; `.some(nil)` after the last, `nil` when there is none yet.
    mutating func take() -> Sent?? {
      guard let sent = events.popFirst() else { return end == nil ? nil : .some(nil) }
      unread -= sent.event.tokenCount
      return sent
    }

    /// The reader, if one waits and there is an event for it.
    mutating func delivery() -> (CheckedContinuation<Sent?, Never>, Sent?)? {
      guard let reader, let sent = take() else { return nil }
      self.reader = nil
      return (reader, sent)
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

  /// Takes the next event of a step that ended at `time`; not the end.
  func send(_ event: GenerationEvent, at time: ContinuousClock.Instant) {
    let delivery = state.withLock { state in
      state.unread += event.tokenCount
      state.events.append(Sent(event: event, time: time))
      return state.delivery()
    }
    delivery.map { $0.resume(returning: $1) }
  }

  /// Takes the end, after which nothing is sent.
  func finish(_ end: GenerationEnd, at time: ContinuousClock.Instant) {
    let (delivery, waiting) = state.withLock { state in
      precondition(state.end == nil, "a generation that ended by \(end.reason) had ended before")
      state.end = end
      state.events.append(Sent(event: .finished(end.reason, end.statistics), time: time))
      defer { state.waiting = [] }
      return (state.delivery(), state.waiting)
    }
    delivery.map { $0.resume(returning: $1) }
    for waiter in waiting { waiter.resume(returning: end) }
  }

  /// The next event, once there is one; `nil` after the end. Calls `resume` when a sender that paused may go on.
  func next(isolation actor: isolated (any Actor)?, resume: () -> Void) async -> Sent? {
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

extension GenerationEvent {
  /// The number of tokens that an event tells of.
  fileprivate var tokenCount: Int {
    switch self {
    case .promptScores(let scores): scores.count
    case .token: 1
    case .pooled, .finished: 0
    }
  }
}
