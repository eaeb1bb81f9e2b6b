import ArgumentParser
import Logging

/// Where the server listens, and to whom.
struct ListeningOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Address to listen on (default: 127.0.0.1).", valueName: "address"))
  var host: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Port to listen on; 0 for a free one (default: 8080).", valueName: "number"))
  var port: Int?

  @Option(
    help: ArgumentHelp(
      "Unix socket to listen on: instead of an address and a port, or beside them where --host or --port is given.",
      valueName: "path"), transform: PathArgument.init)
  var unixSocket: PathArgument?

  @Option(
    help: ArgumentHelp(
      "Mode of --unix-socket's file, as 0660 (default: what the process's umask leaves).", valueName: "mode"))
  var unixSocketMode: String?

  @Option(
    help: ArgumentHelp(
      "Path under which a proxy has the server, as /llm; requests may begin with it or not.", valueName: "path"))
  var rootPath = ""

  @Option(
    help: ArgumentHelp(
      """
      A proxy that is believed what Forwarded, X-Forwarded-For and X-Forwarded-Proto say of its clients: an address, a \
      block like 10.0.0.0/8, or 'unix' for whoever connects to --unix-socket; may be repeated. It has to set or remove all \
      three.
      """, valueName: "address"))
  var trustedProxy: [String] = []

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Time for a connection to send its next request.", valueName: "seconds")
  )
  var idleTimeout = 60.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Connections at most (default: what the limit of descriptors leaves).", valueName: "count"))
  var maxConnections: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Connections from one address at most (default: half of all, and as many as they like from this machine).",
      valueName: "count"))
  var maxConnectionsPerAddress: Int?

  @Option(
    help: ArgumentHelp(
      """
      A host name that requests may be for; may be repeated. A server on a loopback address takes no others, beside \
      localhost and addresses; any other server takes all unless some are given. '*' stands for all.
      """, valueName: "name"))
  var allowedHost: [String] = []

  @Option(
    help: ArgumentHelp(
      """
      An origin whose pages may use the server from a browser, as https://chat.example; may be repeated. A server on a \
      loopback address takes those of this machine's servers as well. '*' stands for all.
      """, valueName: "origin"))
  var allowedOrigin: [String] = []

  func validate() throws {
    try require(0...65_535, "port", port)
    try require(0.001...604_800, "idle-timeout", idleTimeout)
    try require(1...1_048_576, "max-connections", maxConnections)
    try require(1...1_048_576, "max-connections-per-address", maxConnectionsPerAddress)
    if let unixSocketMode {
      guard SocketMode(unixSocketMode) != nil else {
        throw ValidationError("--unix-socket-mode must be three octal digits, as 0660, not '\(unixSocketMode)'")
      }
      guard unixSocket != nil else { throw ValidationError("--unix-socket-mode needs --unix-socket") }
    }
    guard rootPath.isEmpty || RootPath(rootPath) != nil else {
      throw ValidationError("--root-path must be like /llm, not '\(rootPath)'")
    }
    if let name = trustedProxy.first(where: { TrustedProxies([$0]) == nil }) {
      throw ValidationError("--trusted-proxy must be an address, a block like 10.0.0.0/8, or unix, not '\(name)'")
    }
    if let name = allowedOrigin.first(where: { !OriginRule.isName($0) }) {
      throw ValidationError("--allowed-origin must be like https://chat.example:8443, null or *, not '\(name)'")
    }
  }

  var root: RootPath { RootPath(rootPath) ?? .none }
  var proxies: TrustedProxies { TrustedProxies(trustedProxy) ?? .none }

  /// The rules for pages of other servers.
  var origins: OriginRule { OriginRule(names: allowedOrigin, isLoopback: isLoopback) }

  /// Where the server listens.
  var addresses: [ListeningAddress] {
    let socket = unixSocket.map { ListeningAddress.socket(path: $0.description) }
    guard socket == nil || host != nil || port != nil else { return socket.map { [$0] } ?? [] }
    return [.network(host: host ?? "127.0.0.1", port: port ?? 8080)] + (socket.map { [$0] } ?? [])
  }

  /// `true` for an address of this machine alone; `nil` for a name that has none.
  private func isLoopback(_ address: ListeningAddress) -> Bool? {
    guard case .network(let host, let port) = address else { return true }
    return HTTPServer.isLoopback(host, port: port)
  }

  /// The address that other machines can reach, if there is one.
  var openAddress: ListeningAddress? { addresses.first { isLoopback($0) == false } }

  private var isLoopback: Bool { addresses.contains { isLoopback($0) == true && !$0.isSocket } }

  /// The server's addresses and the rules of their connections.
  ///
  /// - Parameter certificates: The certificate of its address; `nil` for none.
  func configurations(_ certificates: TLSCertificates?, _ logger: Logger) -> [HTTPServer.Configuration] {
    let rules = connectionRules(logger)
    return addresses.map { address in
      var rules = rules
      // No page in a browser comes to a socket by a name of its own.
      if address.isSocket { rules.hosts = HostRule(names: allowedHost, isLoopback: false) }
      return HTTPServer.Configuration(
        address: address, certificates: address.isSocket ? nil : certificates,
        socketMode: address.isSocket ? unixSocketMode.flatMap(SocketMode.init) : nil, rules: rules)
    }
  }

  private func connectionRules(_ logger: Logger) -> ConnectionRules {
    let descriptors = ConnectionLimits.raiseDescriptorLimit()
    let limits = ConnectionLimits(
      descriptors: descriptors, total: maxConnections, perAddress: maxConnectionsPerAddress)
    if limits.descriptors > descriptors {
      logger.warning(
        "few descriptors", metadata: ["needed": "\(limits.descriptors)", "limit": "\(descriptors)"])
    }
    return ConnectionRules(
      idleTimeout: .seconds(idleTimeout),
      hosts: HostRule(names: allowedHost, isLoopback: isLoopback),
      rootPath: root, proxies: proxies,
      connections: Connections(limits: limits), log: RateLimitedLog(logger))
  }
}
