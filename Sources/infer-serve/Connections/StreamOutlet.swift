import NIOCore
import NIOHTTPTypes

/// Writes a response's body to its connection, on the connection's own thread and at once: a task's writer takes longer to be
/// called than a token's event takes to be written.
struct StreamOutlet {
  private let channel: any Channel
  /// The handler of a connection of HTTP/1; `nil` for a stream of HTTP/2.
  private let connection: ConnectionHandler?

  /// The outlet of a connection; `nil` on other threads than its own.
  init?(_ channel: any Channel) {
    guard channel.eventLoop.inEventLoop else { return nil }
    self.channel = channel
    connection = try? channel.pipeline.syncOperations.handler(type: ConnectionHandler.self)
  }

  /// Writes a part of the body that is not empty. Returns `false` where that has to wait because the client is behind, or can
  /// not be done because it is gone.
  func write(_ bytes: ByteBuffer) -> Bool {
    guard channel.isWritable else { return false }
    if let connection, connection.write(chunk: bytes) { return true }
    channel.pipeline.syncOperations.writeAndFlush(NIOAny(HTTPResponsePart.body(bytes)), promise: nil)
    return true
  }
}
