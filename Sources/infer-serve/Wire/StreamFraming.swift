import InferText
import NIOCore

/// The way in which a stream's JSON documents are told apart.
enum StreamFraming: Sendable {
  /// Server-sent events that consist of data, and `[DONE]` at the end.
  case events
  /// Server-sent events that consist of data, without a sign of the end.
  case endlessEvents
  /// Server-sent events that are named by the `type` of their data.
  case namedEvents
  /// Lines.
  case lines

  /// The bytes of documents, one after another.
  func bytes(_ values: [JSONValue]) -> ByteBuffer {
    switch self {
    case .events, .endlessEvents: ServerSentEvents.events(values)
    case .namedEvents: ServerSentEvents.namedEvents(values)
    // JSON escapes line breaks.
    case .lines: ByteBuffer(string: values.map { "\($0.serialized())\n" }.joined())
    }
  }

  /// The bytes that end a stream; `nil` for none.
  var end: ByteBuffer? { self == .events ? ServerSentEvents.done : nil }

  /// Bytes between two documents that readers pass over. An empty line is no document, but a document may begin with a
  /// space.
  var keepAlive: ByteBuffer { self == .lines ? ByteBuffer(string: " ") : ServerSentEvents.keepAlive }

  /// The media type of a stream.
  var contentType: String { self == .lines ? "application/x-ndjson" : "text/event-stream; charset=utf-8" }
}
