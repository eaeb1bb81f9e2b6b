import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// The HTTP side of the server: listener, connections, routes.
enum HTTPServer {
  /// The address to listen at, and the server's patience.
  struct Configuration: Sendable {
    var host: String
    var port: Int
    /// The rules for connections.
    var rules: ConnectionRules
  }

  /// Bytes of all header fields of a request at most.
  private static let headerLimit = 32 * 1024

  /// The application. `onListening` is told the port, which the system chooses when 0 is asked for.
  static func application(
    _ configuration: Configuration, router: Router<ServeContext>, onListening: @escaping @Sendable (Int) -> Void
  ) -> some ApplicationProtocol {
    let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
      maxHeaderFieldSize: headerLimit, maxHeaderListSize: headerLimit, maxHeaderFieldCount: 200)
    let (port, rules) = (configuration.port, configuration.rules)
    return Application(
      responder: MethodResponder(router.buildResponder()),
      server: .http1(
        configuration: HTTP1Channel.Configuration(
          additionalChannelHandlers: [DisconnectHandler(rules)], httpDecoderConfiguration: decoder)),
      configuration: ApplicationConfiguration(
        address: .hostname(configuration.host, port: port), serverName: "infer-serve"),
      onServerRunning: { channel in
        try? await channel.pipeline.addHandler(AcceptErrors(rules.connections, rules.log), position: .first)
        onListening(channel.localAddress?.port ?? port)
      },
      logger: quietLogger)
  }

  /// For libraries whose errors are thrown as well: each is reported once, by us.
  static let quietLogger = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }

  /// Whether a host to listen on is this machine talking to itself; `nil` for a name that has no address.
  static func isLoopback(_ host: String, port: Int) -> Bool? {
    guard let address = try? SocketAddress.makeAddressResolvingHost(host, port: port) else { return nil }
    return ConnectionOrigin(address).isLoopback
  }

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
