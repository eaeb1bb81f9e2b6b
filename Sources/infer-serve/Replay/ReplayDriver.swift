import DequeModule
import InferText
import NIOCore

/// A turn that is ready to be sent.
struct PreparedTurn: Sendable {
  /// What it adds to the conversation; nothing where there is none.
  var messages: [JSONValue] = []
  /// Makes the body of the request, given the messages and answers before.
  let body: @Sendable (_ history: [JSONValue]) -> ByteBuffer
}

/// A session that is ready to be sent.
struct PreparedSession: Sendable {
  let arrival: Double
  let turns: [PreparedTurn]
}

/// Sends requests at their times, whatever became of others: an open loop.
///
/// Everything happens on one event loop, which sends a request within a fraction of a millisecond of its time.
final class ReplayDriver: @unchecked Sendable {
  // Safe because everything that changes is touched on `loop` only.
  private let loop: any EventLoop
  private let sessions: [PreparedSession]
  private let concurrency: Int
  private let send: @Sendable (ByteBuffer, NIODeadline) -> RunningRequest
  private let describe: @Sendable (any Error) -> String

  /// A request whose time has come.
  private struct Waiting {
    let session: Int
    let turn: Int
    let due: Double
  }

  private var epoch = NIODeadline.now()
  private var duration = 0.0
  private var histories: [[JSONValue]]
  private var scheduled: [Scheduled<Void>] = []
  private var waiting: Deque<Waiting> = []
  private var running: [Int: RunningRequest] = [:]
  private var nextKey = 0
  private var outcomes: [RequestOutcome] = []
  private var progress = ReplayProgress()
  private var isStopped = false
  private var ended: EventLoopPromise<Void>?

  /// - Parameters:
  ///   - concurrency: Requests under way at most. Those beyond wait for their turn in order.
  ///   - send: Sends a body; times of its outcome count from the deadline that it is given.
  ///   - describe: An error in words.
  init(
    _ sessions: [PreparedSession], on loop: any EventLoop, concurrency: Int? = nil,
    send: @escaping @Sendable (ByteBuffer, NIODeadline) -> RunningRequest,
    describe: @escaping @Sendable (any Error) -> String = { String(describing: $0) }
  ) {
    self.sessions = sessions
    self.loop = loop
    self.concurrency = concurrency ?? .max
    self.send = send
    self.describe = describe
    histories = Array(repeating: [], count: sessions.count)
    progress.total = sessions.reduce(0) { $0 + $1.turns.count }
  }

  /// Sends all requests and returns when the last is answered, or was given up after ``stop()``. The outcomes are in
  /// the order of their ends; those that were given up are left out.
  func run() async throws -> (outcomes: [RequestOutcome], duration: Double) {
    let ended = loop.makePromise(of: Void.self)
    loop.execute { self.begin(ended) }
    try await ended.futureResult.get()
    return try await loop.submit { (self.outcomes, self.duration) }.get()
  }

  /// Gives up what is under way and sends nothing more.
  func stop() {
    loop.execute { [self] in
      isStopped = true
      for task in scheduled { task.cancel() }
      waiting.removeAll()
      for request in running.values { request.cancel() }
      endIfDone()
    }
  }

  /// How far the run is.
  func currentProgress() async throws -> ReplayProgress {
    try await loop.submit { [self] in
      var progress = progress
      progress.running = running.count
      progress.elapsed = max(0, epoch.secondsUntilNow)
      return progress
    }.get()
  }

  private func begin(_ ended: EventLoopPromise<Void>) {
    self.ended = ended
    // Time to schedule everything before the first request is due.
    epoch = .now() + .milliseconds(20)
    for (index, session) in sessions.enumerated() where !session.turns.isEmpty && !isStopped {
      let time = TimeAmount.nanoseconds(Int64(min(session.arrival * 1e9, 1e18)))
      scheduled.append(
        loop.scheduleTask(deadline: epoch + time) {
          self.waiting.append(Waiting(session: index, turn: 0, due: session.arrival))
          self.sendWaiting()
        })
    }
    endIfDone()
  }

  private func sendWaiting() {
    while !isStopped, running.count < concurrency, let next = waiting.popFirst() {
      let turn = sessions[next.session].turns[next.turn]
      let start = epoch.secondsUntilNow
      let request = send(turn.body(histories[next.session]), epoch)
      let key = nextKey
      nextKey += 1
      running[key] = request
      request.outcome.hop(to: loop).whenComplete { result in
        self.running[key] = nil
        self.finish(next, start: start, result)
      }
    }
  }

  private func finish(_ request: Waiting, start: Double, _ result: Result<RequestOutcome, any Error>) {
    switch result {
    case .success(var outcome):
      outcome.due = request.due
      record(outcome)
      goOn(after: request, outcome.text)
    case .failure where isStopped: break
    case .failure(let error):
      var outcome = RequestOutcome()
      (outcome.due, outcome.start, outcome.failure) = (request.due, start, describe(error))
      record(outcome)
      outcome.failure = "not sent, because an earlier turn of its conversation failed"
      for _ in sessions[request.session].turns.dropFirst(request.turn + 1) { record(outcome) }
    }
    sendWaiting()
    endIfDone()
  }

  private func record(_ outcome: RequestOutcome) {
    outcomes.append(outcome)
    progress.finished += 1
    progress.failed += outcome.failure == nil ? 0 : 1
    progress.outputTokens += outcome.outputTokens
  }

  /// Lets the session's next turn wait to be sent.
  private func goOn(after request: Waiting, _ answer: String) {
    let turns = sessions[request.session].turns
    guard request.turn + 1 < turns.count else { return }
    histories[request.session] += turns[request.turn].messages
    histories[request.session].append(["role": "assistant", "content": .string(answer)])
    waiting.append(Waiting(session: request.session, turn: request.turn + 1, due: epoch.secondsUntilNow))
  }

  private func endIfDone() {
    guard running.isEmpty, progress.finished == progress.total || isStopped, let ended else { return }
    self.ended = nil
    duration = max(0, epoch.secondsUntilNow)
    ended.succeed()
  }
}
