import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Why a server gave no answer to measure.
struct RequestFailure: Error, CustomStringConvertible {
  /// The status, where there was one.
  var status: Int?
  let description: String
}

/// Receives one streamed answer on the event loop of its connection, so that times are those of arrival.
final class AnswerDelegate: HTTPClientResponseDelegate, @unchecked Sendable {
  // Safe because the client calls it on one event loop only.
  private let epoch: NIODeadline
  private var answer: StreamedAnswer
  private var parser = EventStreamParser()
  /// How the server refused: a status other than 200, or something that is no event stream.
  private var refusal: (status: HTTPResponseStatus, type: String)?
  private var body: [UInt8] = []

  private static let bodyLimit = 65_536

  /// - Parameters:
  ///   - epoch: What times count from.
  ///   - start: When the request is sent, in seconds.
  init(epoch: NIODeadline, start: Double) {
    self.epoch = epoch
    answer = StreamedAnswer(start: start)
  }

  func didReceiveHead(task: HTTPClient.Task<RequestOutcome>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
    let type = head.headers.first(name: "Content-Type")?.lowercased() ?? ""
    if head.status != .ok || !type.hasPrefix("text/event-stream") { refusal = (head.status, type) }
    return task.eventLoop.makeSucceededVoidFuture()
  }

  func didReceiveBodyPart(task: HTTPClient.Task<RequestOutcome>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
    let time = epoch.secondsUntilNow
    if refusal != nil {
      body += buffer.readableBytesView.prefix(Self.bodyLimit - body.count)
      return task.eventLoop.makeSucceededVoidFuture()
    }
    do {
      for event in try parser.take(buffer.readableBytesView) { try answer.take(event, at: time) }
      return task.eventLoop.makeSucceededVoidFuture()
    } catch {
      return task.eventLoop.makeFailedFuture(error)
    }
  }

  func didFinishRequest(task: HTTPClient.Task<RequestOutcome>) throws -> RequestOutcome {
    if let refusal {
      let summary = ErrorBody.summary(body)
      let said = summary.isEmpty ? "" : ": \(summary)"
      guard refusal.status == .ok else {
        throw RequestFailure(
          status: Int(refusal.status.code), description: "the server answered \(refusal.status.code)\(said)")
      }
      let type = refusal.type.isEmpty ? "no content type" : refusal.type
      throw RequestFailure(
        status: 200, description: "the server answered with \(type) and not with text/event-stream\(said)")
    }
    if let event = parser.finish() { try answer.take(event, at: epoch.secondsUntilNow) }
    return try answer.outcome()
  }
}

extension NIODeadline {
  /// Seconds from then to now.
  var secondsUntilNow: Double { Double((NIODeadline.now() - self).nanoseconds) * 1e-9 }
}
