import InferText
import NIOCore

/// The way in which a stream's JSON documents are told apart.
enum StreamFraming: Sendable {
  /// Server-sent events that consist of data, and `[DONE]` at the end.
  case events
  /// Server-sent events that are named by the `type` of their data.
  case namedEvents

  /// The bytes of documents, one after another.
  func bytes(_ values: [JSONValue]) -> ByteBuffer {
    switch self {
    case .events: ServerSentEvents.events(values)
    case .namedEvents: ServerSentEvents.namedEvents(values)
    }
  }

  /// The bytes that end a stream; `nil` for none.
  var end: ByteBuffer? { self == .events ? ServerSentEvents.done : nil }
}
