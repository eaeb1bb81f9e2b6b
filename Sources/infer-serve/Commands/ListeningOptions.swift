import ArgumentParser
import Logging

/// Where the server listens, and to whom.
struct ListeningOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Address to listen on.", valueName: "address"))
  var host = "127.0.0.1"

  @Option(parsing: .unconditional, help: ArgumentHelp("Port to listen on; 0 for a free one.", valueName: "number"))
  var port = 8080

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
    if let name = allowedOrigin.first(where: { !OriginRule.isName($0) }) {
      throw ValidationError("--allowed-origin must be like https://chat.example:8443, null or *, not '\(name)'")
    }
  }

  /// The rules for pages of other servers.
  var origins: OriginRule { OriginRule(names: allowedOrigin, isLoopback: isLoopback) }

  /// `true` where no other machine can reach the server; also where nobody can, since the host is none.
  var isLocal: Bool { HTTPServer.isLoopback(host, port: port) ?? true }

  private var isLoopback: Bool { HTTPServer.isLoopback(host, port: port) ?? false }

  /// The server's address and the rules of its connections.
  func configuration(_ logger: Logger) -> HTTPServer.Configuration {
    HTTPServer.Configuration(host: host, port: port, rules: connectionRules(logger))
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
      connections: Connections(limits: limits), log: RateLimitedLog(logger))
  }
}
