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

  func validate() throws {
    try require(0...65_535, "port", port)
    try require(0.001...604_800, "idle-timeout", idleTimeout)
    try require(1...1_048_576, "max-connections", maxConnections)
    try require(1...1_048_576, "max-connections-per-address", maxConnectionsPerAddress)
  }

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
      hosts: HostRule(names: allowedHost, isLoopback: HTTPServer.isLoopback(host, port: port)),
      connections: Connections(limits: limits), log: RateLimitedLog(logger))
  }
}
