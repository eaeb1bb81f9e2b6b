/// Messages from outsiders to the engine's thread, which reads them between steps. Nobody waits for a step here.
final class EngineInbox: Sendable {
  /// The phases of an engine's life, in their order.
  enum Phase: Int, Comparable {
    case accepting, draining, ending, stopping

    static func < (a: Phase, b: Phase) -> Bool { a.rawValue < b.rawValue }
  }

  /// The messages since the last look.
  struct News {
    /// Requests that were taken on, in order of arrival.
    var arrivals: [EngineSequence] = []
    /// Requests that are to end, by the channel of their events.
    var endings: [(channel: EventChannel, reason: FinishReason)] = []
    /// Channels of requests that paused and whose readers have caught up.
    var caughtUp: [EventChannel] = []
    /// Those who wait until the prefix cache is given up.
    var cacheResets: [CheckedContinuation<Void, Never>] = []
    /// Work of other threads on the memory of sequences.
    var errands: [MemoryErrand] = []
    var phase = Phase.accepting
  }

  private struct Contents {
    var news = News()
    var unfinished = 0
    /// Prompt tokens of requests that have not started.
    var waitingTokens = 0
    /// The pace at which requests end, and at which prompt tokens start.
    var endingRate = RecentRate()
    var startingRate = RecentRate()
    var hasStopped = false
    var waitingForIdle: [CheckedContinuation<Void, Never>] = []
    var waitingForStop: [CheckedContinuation<Void, Never>] = []
  }

  private let contents = Monitor(Contents())
  private let maxUnfinished: Int
  private let maxWaitingTokens: Int

  /// An inbox for as many unfinished requests, whose prompts have so many tokens as long as they wait.
  init(maxUnfinished: Int, maxWaitingTokens: Int) {
    self.maxUnfinished = maxUnfinished
    self.maxWaitingTokens = maxWaitingTokens
  }

  var phase: Phase { contents.withLock { $0.news.phase } }

  /// Takes requests on, all or none.
  ///
  /// - Parameters:
  ///   - sequences: The requests.
  ///   - now: The time.
  ///   - onAdmission: Called before the engine's thread sees them.
  /// - Throws: ``RequestError/draining``; ``RequestError/queueFull(limit:retryAfter:)`` or
  ///   ``RequestError/queueTokensFull(limit:retryAfter:)`` when there is no room for all of them.
  func submit(
    _ sequences: [EngineSequence], at now: ContinuousClock.Instant, onAdmission: () -> Void = {}
  ) throws(RequestError) {
    let tokens = sequences.reduce(0) { $0 + $1.scheduling.promptLength }
    try contents.change { contents throws(RequestError) in
      guard contents.news.phase == .accepting else { throw .draining }
      let excess = contents.unfinished + sequences.count - maxUnfinished
      guard excess <= 0 else {
        throw .queueFull(limit: maxUnfinished, retryAfter: contents.endingRate.time(for: excess, from: now))
      }
      // The first in the queue would never be taken otherwise.
      if contents.waitingTokens > 0, tokens > maxWaitingTokens - contents.waitingTokens {
        let excess = contents.waitingTokens - max(0, maxWaitingTokens - tokens)
        throw .queueTokensFull(
          limit: maxWaitingTokens, retryAfter: contents.startingRate.time(for: excess, from: now))
      }
      if contents.unfinished == 0 {
        contents.endingRate.restart(at: now)
        contents.startingRate.restart(at: now)
      }
      contents.unfinished += sequences.count
      contents.waitingTokens += tokens
      contents.news.arrivals += sequences
      onAdmission()
    }
  }

  /// Has the request with this channel end, if it has not already.
  func end(_ channel: EventChannel, _ reason: FinishReason) {
    contents.change { $0.news.endings.append((channel, reason)) }
  }

  /// Has the request with this channel go on after a pause.
  func resume(_ channel: EventChannel) {
    contents.change { $0.news.caughtUp.append(channel) }
  }

  /// Moves to a later phase.
  func enter(_ phase: Phase) {
    contents.change { $0.news.phase = max($0.news.phase, phase) }
  }

  /// Moves the messages to `news`, whose memory is used for those to come.
  func take(into news: inout News) {
    news.arrivals.removeAll(keepingCapacity: true)
    news.endings.removeAll(keepingCapacity: true)
    news.caughtUp.removeAll(keepingCapacity: true)
    news.cacheResets = []
    news.errands = []
    contents.withLock { contents in
      news.phase = contents.news.phase
      swap(&news, &contents.news)
    }
  }

  /// Sleeps until something comes in, or until the deadline.
  func wait(until deadline: ContinuousClock.Instant?) {
    contents.wait(until: deadline) { contents in
      let news = contents.news
      // Paused requests have to be ended as well.
      let isToEnd = news.phase == .stopping || news.phase == .ending && contents.unfinished > 0
      return isToEnd || !news.arrivals.isEmpty || !news.endings.isEmpty || !news.caughtUp.isEmpty
        || !news.cacheResets.isEmpty || !news.errands.isEmpty
    }
  }

  /// Makes room for `count` new requests, of whose prompts so many tokens never started.
  func free(_ count: Int, unreadTokens: Int, at now: ContinuousClock.Instant) {
    contents.withLock { contents in
      contents.unfinished -= count
      contents.waitingTokens -= unreadTokens
      contents.endingRate.note(count, at: now)
    }
  }

  /// Notes that prompts with so many tokens wait no more.
  func started(tokens: Int, at now: ContinuousClock.Instant) {
    contents.withLock { contents in
      contents.waitingTokens -= tokens
      contents.startingRate.note(tokens, at: now)
    }
  }

  /// Wakes those who wait for idleness, if no request is unfinished.
  func announceIdleness() {
    contents.withLock { contents in
      guard contents.unfinished == 0 else { return }
      for waiter in contents.waitingForIdle { waiter.resume() }
      contents.waitingForIdle = []
    }
  }

  /// Has something done to the memory of sequences between two steps. Returns `false` when the engine's thread has ended;
  /// then it is not done.
  @discardableResult func perform(_ errand: @escaping MemoryErrand) -> Bool {
    contents.change { contents in
      if !contents.hasStopped { contents.news.errands.append(errand) }
      return !contents.hasStopped
    }
  }

  /// Notes that the engine's thread has ended, and wakes those who wait for it. Returns errands that have come since the
  /// last look.
  func stopped() -> [MemoryErrand] {
    contents.withLock { contents in
      contents.hasStopped = true
      defer { contents.news.errands = [] }
      for waiter in contents.waitingForStop + contents.news.cacheResets { waiter.resume() }
      contents.waitingForStop = []
      contents.news.cacheResets = []
      return contents.news.errands
    }
  }

  /// Has the prefix cache given up, and returns when it is; at once when the engine's thread has ended.
  func resetCache() async {
    await withCheckedContinuation { continuation in
      contents.change { contents in
        if contents.hasStopped { continuation.resume() } else { contents.news.cacheResets.append(continuation) }
      }
    }
  }

  /// `true` when no request is unfinished.
  var isIdle: Bool { contents.withLock { $0.unfinished == 0 } }

  /// Returns when no request is unfinished.
  func idle() async {
    await withCheckedContinuation { continuation in
      contents.withLock { contents in
        if contents.unfinished == 0 { continuation.resume() } else { contents.waitingForIdle.append(continuation) }
      }
    }
  }

  /// Returns when the engine's thread has ended.
  func stop() async {
    enter(.stopping)
    await withCheckedContinuation { continuation in
      contents.withLock { contents in
        if contents.hasStopped { continuation.resume() } else { contents.waitingForStop.append(continuation) }
      }
    }
  }
}
