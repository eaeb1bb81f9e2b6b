import Logging
import NIOCore

/// Sits in the listener's pipeline: when the system gives no descriptor for a connection, says so and closes
/// connections at which nothing happens. When to try again is the library's to say: after a second.
final class AcceptErrors: ChannelInboundHandler, Sendable {
  typealias InboundIn = any Channel

  private let connections: Connections
  private let log: RateLimitedLog

  init(_ connections: Connections, _ log: RateLimitedLog) {
    self.connections = connections
    self.log = log
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if error is IOError {
      log.log(.error, "cannot accept connections", ["error": "\(error)", "open": "\(connections.count)"])
      connections.evict(4)
    }
    context.fireErrorCaught(error)
  }
}
