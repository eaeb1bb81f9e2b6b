import NIOHTTP1

/// How far a connection's requests and responses have come.
struct ConnectionProgress {
  /// The stage that the connection is at.
  enum Stage {
    /// No request has begun.
    case idle
    /// A request is being read.
    case reading
    /// A request has come whole, and no part of its response has been written.
    case unanswered
    /// A response is being written.
    case answering
    /// A response that is a stream of events is being written.
    case events
    /// The last response has been written; whatever comes is not looked at.
    case closing
  }

  // Requests and responses are numbered from 1 in their order, which is the same.
  private var headsRead = 0
  private var endsRead = 0
  private var headsWritten = 0
  private var endsWritten = 0
  /// The request behind whose answer the connection is closed.
  private var last = Int.max
  private var writesEvents = false
  private var isRefused = false

  /// Whether no request waits for the rest of its answer.
  var hasAnsweredAll: Bool { headsRead == endsWritten }

  var stage: Stage {
    if isRefused || endsWritten >= last { return .closing }
    if headsWritten > endsWritten { return writesEvents ? .events : .answering }
    if endsRead > endsWritten { return .unanswered }
    return headsRead > endsRead ? .reading : .idle
  }

  /// Notes what came; whether it is for anybody.
  mutating func read(_ part: HTTPServerRequestPart) -> Bool {
    switch part {
    case .head(let head):
      guard headsRead < last, !isRefused else { return false }
      headsRead += 1
      let asksToClose = head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "close" }
      if asksToClose || head.version != .http1_1 { last = headsRead }
    case .end:
      guard isForSomebody else { return false }
      endsRead += 1
    case .body: return isForSomebody
    }
    return true
  }

  /// Whether the part of a body that comes belongs to a request that is not answered yet.
  private var isForSomebody: Bool { !isRefused && headsRead > endsRead && headsWritten < headsRead }

  /// No request follows the one that is being read.
  mutating func closeAfterThis() { last = min(last, headsRead) }

  /// The client has closed its side.
  mutating func noMoreRequests() { if !hasAnsweredAll { closeAfterThis() } }

  /// Notes the head of a response; whether its end is the connection's.
  mutating func begin(_ head: HTTPResponseHead) -> Bool {
    headsWritten += 1
    writesEvents = head.headers["content-type"].first?.hasPrefix("text/event-stream") ?? false
    // An answer to a request that has not come whole.
    if endsRead < headsWritten { last = headsWritten }
    return headsWritten >= last
  }

  /// Notes the end of a response; whether it is the connection's last.
  mutating func end() -> Bool {
    endsWritten += 1
    return endsWritten >= last
  }

  /// The request that is being read, or what should have been one, is refused.
  mutating func refuse() { isRefused = true }
}
