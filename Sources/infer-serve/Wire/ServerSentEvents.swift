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
    documents(values) { _, bytes in bytes += "data: ".utf8 }
  }

  /// Events that are named by the `type` of their data.
  static func namedEvents(_ values: [JSONValue]) -> ByteBuffer {
    documents(values) { value, bytes in
      bytes += "event: \(value["type"]?.string ?? "message")\ndata: ".utf8
    }
  }

  private static func documents(_ values: [JSONValue], _ begin: (JSONValue, inout [UInt8]) -> Void) -> ByteBuffer {
    var bytes: [UInt8] = []
    // Most events tell of one token, in less.
    bytes.reserveCapacity(values.count * 512)
    for value in values {
      begin(value, &bytes)
      value.write(to: &bytes)
      bytes += "\n\n".utf8
    }
    return ByteBuffer(bytes: bytes)
  }
}
