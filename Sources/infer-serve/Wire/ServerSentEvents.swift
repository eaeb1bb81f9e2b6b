import InferCore
import InferText
import NIOCore

/// The framing of a stream of server-sent events whose data are JSON documents.
enum ServerSentEvents {
  /// The event that ends a stream.
  static let done = ByteBuffer(string: "data: [DONE]\n\n")

  /// A comment, which readers pass over.
  static let keepAlive = ByteBuffer(string: ": keep-alive\n\n")

  /// Events, one after another. JSON escapes line breaks, so that the data of each are one line.
  static func events(_ values: [JSONValue]) -> ByteBuffer {
    ByteBuffer(string: values.map { "data: \($0.serialized())\n\n" }.joined())
  }

  /// Events that are named by the `type` of their data.
  static func namedEvents(_ values: [JSONValue]) -> ByteBuffer {
    let events = values.map { "event: \($0["type"]?.string ?? "message")\ndata: \($0.serialized())\n\n" }
    return ByteBuffer(string: events.joined())
  }
}
