import InferCore
import InferText
import NIOCore
import NIOPosix
import Testing

@testable import infer_serve

/// A server that answers every request after a while.
private final class FakeServer: Sendable {
  struct State {
    var bodies: [String] = []
    var running = 0
    var peak = 0
  }

  struct Gone: Error {}

  let state = Monitor(State())
  let loop: any EventLoop
  let delay: TimeAmount
  let failing: String?
  /// A body that is not answered.
  let unanswered: String?

  init(
    _ loop: any EventLoop, delay: TimeAmount = .milliseconds(5), failing: String? = nil, unanswered: String? = nil
  ) {
    (self.loop, self.delay, self.failing, self.unanswered) = (loop, delay, failing, unanswered)
  }

  @Sendable func send(_ body: ByteBuffer, _ epoch: NIODeadline) -> RunningRequest {
    let text = String(buffer: body)
    state.withLock {
      $0.bodies.append(text)
      $0.running += 1
      $0.peak = max($0.peak, $0.running)
    }
    let promise = loop.makePromise(of: RequestOutcome.self)
    let start = epoch.secondsUntilNow
    if text != unanswered {
      answer(text, start, promise)
    }
    promise.futureResult.whenComplete { [self] _ in state.withLock { $0.running -= 1 } }
    return RunningRequest(outcome: promise.futureResult, cancel: { promise.fail(Gone()) })
  }

  private func answer(_ text: String, _ start: Double, _ promise: EventLoopPromise<RequestOutcome>) {
    loop.scheduleTask(in: delay) { [self] in
      if text == failing { return promise.fail(Gone()) }
      var outcome = RequestOutcome()
      (outcome.start, outcome.text) = (start, "answer to \(text)")
      promise.succeed(outcome)
    }
  }
}

struct ReplayDriverTests {
  private let loop = MultiThreadedEventLoopGroup.singleton.next()

  private func single(_ text: String, at time: Double = 0) -> PreparedSession {
    PreparedSession(arrival: time, turns: [PreparedTurn { _ in ByteBuffer(string: text) }])
  }

  /// A conversation of so many turns, whose bodies are the history and the question.
  private func conversation(_ name: String, turns: Int) -> PreparedSession {
    PreparedSession(
      arrival: 0,
      turns: (1...turns).map { turn in
        let message: JSONValue = ["content": .string("\(name)\(turn)")]
        return PreparedTurn(messages: [message]) { history in
          ByteBuffer(string: (history + [message]).compactMap { $0["content"]?.string }.joined(separator: "|"))
        }
      })
  }

  @Test func requestsAreSentAtTheirTimesWhateverOthersTake() async throws {
    let server = FakeServer(loop, delay: .milliseconds(150))
    let times = [0.0, 0.03, 0.06, 0.09]
    let driver = ReplayDriver(times.map { single("\($0)", at: $0) }, on: loop, send: server.send)
    let (outcomes, duration) = try await driver.run()
    #expect(outcomes.count == 4 && outcomes.map(\.due) == times)
    // All were under way before the first was answered.
    #expect(server.state.withLock { $0.peak } == 4 && duration >= 0.23)
    #expect(outcomes.allSatisfy { $0.start >= $0.due })
  }

  @Test func concurrencyIsBounded() async throws {
    let server = FakeServer(loop)
    let driver = ReplayDriver((0..<20).map { single("\($0)") }, on: loop, concurrency: 3, send: server.send)
    #expect(try await driver.run().outcomes.count == 20)
    #expect(server.state.withLock { $0.peak } == 3)
    #expect(server.state.withLock { $0.bodies } == (0..<20).map(String.init))
  }

  @Test func conversationsTakeTurnsAndRememberAnswers() async throws {
    let server = FakeServer(loop, delay: .milliseconds(1))
    let sessions = [conversation("a", turns: 2), conversation("b", turns: 2)]
    _ = try await ReplayDriver(sessions, on: loop, concurrency: 1, send: server.send).run()
    #expect(server.state.withLock { $0.bodies } == ["a1", "b1", "a1|answer to a1|a2", "b1|answer to b1|b2"])
  }

  @Test func aFailedTurnEndsItsConversationOnly() async throws {
    let server = FakeServer(loop, delay: .milliseconds(1), failing: "a1")
    let sessions = [conversation("a", turns: 3), conversation("b", turns: 2)]
    let outcomes = try await ReplayDriver(sessions, on: loop, send: server.send).run().outcomes
    let failures = outcomes.compactMap(\.failure)
    #expect(outcomes.count == 5 && failures.count == 3)
    #expect(failures.filter { $0.hasPrefix("not sent") }.count == 2)
  }

  @Test func aStoppedRunKeepsWhatWasAnswered() async throws {
    let server = FakeServer(loop, unanswered: "b")
    let sessions = [single("a"), single("b"), single("c", at: 600)]
    let driver = ReplayDriver(sessions, on: loop, send: server.send)
    async let run = driver.run()
    while try await driver.currentProgress().finished < 1 || server.state.withLock({ $0.bodies.count }) < 2 {
      try await Task.sleep(for: .milliseconds(2))
    }
    driver.stop()
    let outcomes = try await run.outcomes
    #expect(outcomes.count == 1 && outcomes[0].failure == nil)
    #expect(try await driver.currentProgress().finished == 1)
  }

  @Test func nothingToSendIsDoneAtOnce() async throws {
    #expect(try await ReplayDriver([], on: loop, send: FakeServer(loop).send).run().outcomes.isEmpty)
  }
}
