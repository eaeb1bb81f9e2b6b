import InferText
import NIOCore

/// The way in which a stream's JSON documents are told apart.
enum StreamFraming: Sendable {
  /// Server-sent events that consist of data, and `[DONE]` at the end.
  case events
  /// Server-sent events that are named by the `type` of their data.
  case namedEvents
  /// A document a line.
  case lines

  /// The stream's media type.
  var contentType: String { self == .lines ? "application/x-ndjson" : "text/event-stream; charset=utf-8" }

  /// Whether readers pass over comments, which show that the server is still there.
  var hasComments: Bool { self != .lines }

  /// The bytes of documents, one after another.
  func bytes(_ values: [JSONValue]) -> ByteBuffer {
    switch self {
    case .events: ServerSentEvents.events(values)
    case .namedEvents: ServerSentEvents.namedEvents(values)
    case .lines: ByteBuffer(string: values.map { $0.serialized() + "\n" }.joined())
    }
  }

  /// The bytes that end a stream; `nil` for none.
  var end: ByteBuffer? { self == .events ? ServerSentEvents.done : nil }
}
