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
    /// Rung for every event; `nil` while there is no reader.
    var bell: Bell?
    var waiting: [CheckedContinuation<GenerationEnd, Never>] = []

    mutating func take() -> Polled<Sent> {
      guard let sent = events.popFirst() else { return end == nil ? .pending : .ended }
      unread -= sent.event.tokenCount
      return .element(sent)
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

  /// Has a bell rung for every event from now on.
  func ring(_ bell: Bell) { state.withLock { $0.bell = bell } }

  /// Takes the next event of a step that ended at `time`; not the end.
  func send(_ event: GenerationEvent, at time: ContinuousClock.Instant) {
    let bell = state.withLock { state in
      state.unread += event.tokenCount
      state.events.append(Sent(event: event, time: time))
      return state.bell
    }
    bell?.ring()
  }

  /// Takes the end, after which nothing is sent.
  func finish(_ end: GenerationEnd, at time: ContinuousClock.Instant) {
    let (bell, waiting) = state.withLock { state in
      precondition(state.end == nil, "a generation that ended by \(end.reason) had ended before")
      state.end = end
      state.events.append(Sent(event: .finished(end.reason, end.statistics), time: time))
      defer { state.waiting = [] }
      return (state.bell, state.waiting)
    }
    bell?.ring()
    for waiter in waiting { waiter.resume(returning: end) }
  }

  /// The next event. Calls `resume` when a sender that paused may go on.
  func poll(resume: () -> Void) -> Polled<Sent> {
    let (event, mayGoOn) = state.withLock { state in
      let event = state.take()
      guard state.isPaused, state.unread <= capacity / 2 else { return (event, false) }
      state.isPaused = false
      return (event, true)
    }
    if mayGoOn { resume() }
    return event
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
