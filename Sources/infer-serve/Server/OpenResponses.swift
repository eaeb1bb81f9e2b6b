import InferCore

/// Counts the requests whose responses are not written yet, so that a server that shuts down can wait for them.
final class OpenResponses: Sendable {
  private let state = Monitor(0)

  /// Requests under way.
  var count: Int { state.withLock { $0 } }

  /// Counts a request for as long as the ticket lives: also a response that is dropped unwritten ends.
  func open() -> Ticket { Ticket(self) }

  /// See ``open()``.
  final class Ticket: Sendable {
    private let responses: OpenResponses

    fileprivate init(_ responses: OpenResponses) {
      self.responses = responses
      responses.state.withLock { $0 += 1 }
    }

    deinit { responses.state.withLock { $0 -= 1 } }
  }

  /// Returns when there are none, or at the deadline.
  func wait(until deadline: ContinuousClock.Instant) async throws {
    while count > 0, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(10)) }
  }
}
