import Foundation
import Hummingbird
import HummingbirdCore
import InferCore
import Logging
import NIOCore

/// The HTTP side of the server: listener, connections, routes.
enum HTTPServer {
  /// The address to listen at, and the server's patience.
  struct Configuration: Sendable {
    var address: ListeningAddress
    /// The certificate of a server that speaks TLS; `nil` for one that does not.
    var certificates: TLSCertificates?
    /// The mode of a socket's file; `nil` for what the process's mask leaves.
    var socketMode: SocketMode?
    /// The file of a socket, once it is there.
    let socketFile = Monitor<FileIdentity?>(nil)
    /// The rules for connections.
    var rules: ConnectionRules
  }

  /// The application. `onListening` is told the address, whose port the system chooses when 0 is asked for.
  static func application(
    _ configuration: Configuration, router: Router<ServeContext>,
    onListening: @escaping @Sendable (ListeningAddress) -> Void
  ) -> some ApplicationProtocol {
    let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
      maxHeaderFieldSize: ConnectionRules.headerLimit, maxHeaderListSize: ConnectionRules.headerLimit,
      maxHeaderFieldCount: ConnectionRules.fieldLimit)
    let (address, rules, certificates) = (configuration.address, configuration.rules, configuration.certificates)
    let channel = HTTP1Channel.Configuration(
      additionalChannelHandlers: [DisconnectHandler(rules)], httpDecoderConfiguration: decoder)
    return Application(
      responder: MethodResponder(router.buildResponder()),
      server: HTTPServerBuilder { responder in
        VersionedChannel(
          base: HTTP1Channel(responder: responder, configuration: channel), certificates: certificates, rules: rules)
      },
      configuration: ApplicationConfiguration(
        address: address.binding, serverName: "infer-serve"),
      onServerRunning: { [mode = configuration.socketMode, file = configuration.socketFile] channel in
        mode?.end()
        file.withLock { $0 = address.file }
        try? await channel.pipeline.addHandler(AcceptErrors(rules.connections, rules.log), position: .first)
        onListening(address.with(port: channel.localAddress?.port))
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
    return CommandFailure("cannot listen on \(configuration.address): \(reason)")
  }
}

extension ListeningAddress {
  /// The address for the server's library.
  fileprivate var binding: BindAddress {
    switch self {
    case .network(let host, let port): .hostname(host, port: port)
    case .socket(let path): .unixDomainSocket(path: path)
    }
  }

  /// This address with the port that it has got.
  fileprivate func with(port: Int?) -> ListeningAddress {
    guard case .network(let host, let wanted) = self else { return self }
    return .network(host: host, port: port ?? wanted)
  }
}
