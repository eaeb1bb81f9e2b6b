import HTTPTypes
import Hummingbird
import InferCore
import InferText
import NIOCore

extension Response {
  /// A JSON document, with a line break at its end for people at a terminal.
  static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: value.serialized() + "\n")))
  }
}
