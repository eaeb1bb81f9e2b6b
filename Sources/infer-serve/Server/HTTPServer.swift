import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// The HTTP side of the server: listener, connections, routes.
enum HTTPServer {
  /// Where to listen, and how patient to be.
  struct Configuration: Sendable {
    var host: String
    var port: Int
    /// How long a connection may be silent before its request has come.
    var idleTimeout: Duration
  }

  /// Bytes of all header fields of a request at most.
  private static let headerLimit = 32 * 1024

  /// The application. `onListening` is told the port, which the system chooses when 0 is asked for.
  static func application(
    _ configuration: Configuration, router: Router<ServeContext>, onListening: @escaping @Sendable (Int) -> Void
  ) -> some ApplicationProtocol {
    let idle = TimeAmount.nanoseconds(Int64(configuration.idleTimeout / .nanoseconds(1)))
    let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
      maxHeaderFieldSize: headerLimit, maxHeaderListSize: headerLimit, maxHeaderFieldCount: 200)
    let port = configuration.port
    return Application(
      router: router,
      server: .http1(
        configuration: HTTP1Channel.Configuration(
          additionalChannelHandlers: [DisconnectHandler()], idleTimeout: idle, httpDecoderConfiguration: decoder)),
      configuration: ApplicationConfiguration(
        address: .hostname(configuration.host, port: port), serverName: "infer-serve"),
      onServerRunning: { channel in onListening(channel.localAddress?.port ?? port) },
      logger: quietLogger)
  }

  /// For libraries whose errors are thrown as well: each is reported once, by us.
  static let quietLogger = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }

  /// Why listening failed, in one line.
  static func failure(_ error: any Error, _ configuration: Configuration) -> CommandFailure {
    let reason =
      switch error {
      case let error as IOError: unsafe String(cString: strerror(error.errnoCode)).lowercased()
      case is SocketAddressError: "no such address"
      default: "\(error)"
      }
    return CommandFailure("cannot listen on \(configuration.host):\(configuration.port): \(reason)")
  }
}
