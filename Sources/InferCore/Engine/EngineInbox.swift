/// What outsiders leave for the engine's thread, which looks in between steps. Nobody waits for a step here.
final class EngineInbox: Sendable {
  /// A request that was taken on.
  struct Submission: Sendable {
    let id: Int
    let request: GenerationRequest
    /// Tokens it may generate.
    let tokenLimit: Int
    let arrival: ContinuousClock.Instant
    let channel: EventChannel
  }

  /// What the engine is to do; it only moves forward.
  enum Phase: Int, Comparable {
    case accepting, draining, ending, stopping

    static func < (a: Phase, b: Phase) -> Bool { a.rawValue < b.rawValue }
  }

  /// What has come in since the last look.
  struct News {
    var submissions: [Submission] = []
    var endings: [(id: Int, reason: FinishReason)] = []
    /// Requests that paused and whose readers have caught up.
    var caughtUp: [Int] = []
    var phase = Phase.accepting
  }

  private struct Contents {
    var news = News()
    var nextID = 0
    var unfinished = 0
    var hasStopped = false
    var waitingForIdle: [CheckedContinuation<Void, Never>] = []
    var waitingForStop: [CheckedContinuation<Void, Never>] = []
  }

  private let contents = Monitor(Contents())
  private let maxUnfinished: Int
  private let maxUnread: Int

  /// An inbox for as many unfinished requests, each with as many unread tokens.
  init(maxUnfinished: Int, maxUnread: Int) {
    self.maxUnfinished = maxUnfinished
    self.maxUnread = maxUnread
  }

  var phase: Phase { contents.withLock { $0.news.phase } }

  /// Takes requests on, all or none.
  func submit(_ requests: [(GenerationRequest, tokenLimit: Int)]) throws(RequestError) -> [Submission] {
    let arrival = ContinuousClock.now
    return try contents.change { contents throws(RequestError) in
      guard contents.news.phase == .accepting else { throw .draining }
      guard contents.unfinished + requests.count <= maxUnfinished else { throw .queueFull(limit: maxUnfinished) }
      contents.unfinished += requests.count
      let submissions = requests.enumerated().map { index, element in
        let id = contents.nextID + index
        return Submission(
          id: id, request: element.0, tokenLimit: element.tokenLimit, arrival: arrival,
          channel: EventChannel(capacity: maxUnread) { [weak self] in self?.noteCaughtUp(id) })
      }
      contents.nextID += requests.count
      contents.news.submissions += submissions
      return submissions
    }
  }

  /// Has a request end, if it has not already.
  func end(_ id: Int, _ reason: FinishReason) {
    contents.change { $0.news.endings.append((id, reason)) }
  }

  private func noteCaughtUp(_ id: Int) {
    contents.change { $0.news.caughtUp.append(id) }
  }

  /// Moves to a later phase.
  func enter(_ phase: Phase) {
    contents.change { $0.news.phase = max($0.news.phase, phase) }
  }

  /// Moves what came in to `news`, whose memory is used for what comes next.
  func take(into news: inout News) {
    news.submissions.removeAll(keepingCapacity: true)
    news.endings.removeAll(keepingCapacity: true)
    news.caughtUp.removeAll(keepingCapacity: true)
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
      return isToEnd || !news.submissions.isEmpty || !news.endings.isEmpty || !news.caughtUp.isEmpty
    }
  }

  /// Makes room for as many new requests.
  func free(_ count: Int) { contents.withLock { $0.unfinished -= count } }

  /// Wakes those who wait for idleness, if no request is unfinished.
  func announceIdleness() {
    contents.withLock { contents in
      guard contents.unfinished == 0 else { return }
      for waiter in contents.waitingForIdle { waiter.resume() }
      contents.waitingForIdle = []
    }
  }

  /// Says that the engine's thread has done its last.
  func stopped() {
    contents.withLock { contents in
      contents.hasStopped = true
      for waiter in contents.waitingForStop { waiter.resume() }
      contents.waitingForStop = []
    }
  }

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
