import InferCore
import InferText

/// The events of a response that is made without its client, for any number of clients that follow them as they come.
final class EventLog: Sendable {
  /// A client's notices that there may be more.
  struct Follower: Sendable {
    /// One notice at the beginning, and one or more after whatever comes; they end when the client is not to wait any more.
    let notices: AsyncStream<Void>
    fileprivate let continuation: AsyncStream<Void>.Continuation

    /// Ends the notices.
    func end() { continuation.finish() }
  }

  private struct State {
    var events: [JSONValue] = []
    var isOver = false
    var followers: [AsyncStream<Void>.Continuation] = []
  }

  private let state: Monitor<State>

  /// A log that has events, and may get more.
  init(_ events: [JSONValue] = [], isOver: Bool = false) {
    state = Monitor(State(events: events, isOver: isOver))
  }

  /// The events so far.
  var events: [JSONValue] { state.withLock { $0.events } }

  /// The events from a number on.
  func events(from start: Int) -> ArraySlice<JSONValue> { state.withLock { $0.events.dropFirst(start) } }

  /// Adds events, after which there may be no others.
  func append(_ events: [JSONValue], isOver: Bool = false) {
    guard !events.isEmpty || isOver else { return }
    let followers = state.withLock { state in
      state.events += events
      state.isOver = isOver
      // Those that are gone have ended their notices.
      state.followers.removeAll { if case .terminated = $0.yield() { true } else { false } }
      return isOver ? state.followers : []
    }
    for follower in followers { follower.finish() }
  }

  /// Follows the log.
  func follow() -> Follower {
    let (notices, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    continuation.yield()
    let isOver = state.withLock { state in
      if !state.isOver { state.followers.append(continuation) }
      return state.isOver
    }
    if isOver { continuation.finish() }
    return Follower(notices: notices, continuation: continuation)
  }
}
