import InferCore
import Logging
import NIOCore
import NIOHTTP1

/// The rules for every connection, and the logger for breaking them.
struct ConnectionRules: Sendable {
  /// How long a client may neither send what is waited for nor read what is written.
  let idleTimeout: Duration
  var hosts: HostRule
  var rootPath = RootPath.none
  var proxies = TrustedProxies.none
  /// All connections.
  let connections: Connections
  let log: RateLimitedLog

  /// Bytes of all header fields of a request at most.
  static let headerLimit = 32 * 1024
  /// Header fields of a request at most.
  static let fieldLimit = 200

  /// Paths that are answered on connections beyond the limits.
  private static let vitalPaths: Set<String> = ["/health", "/metrics", "/ping"]

  /// Takes a connection in.
  func open(_ channel: any Channel) -> ConnectionTicket {
    let origin = ConnectionOrigin(of: channel)
    return connections.open(channel, from: origin, isProxy: proxies.trusts(origin))
  }

  /// Why a request is refused before anybody sees it, if it is.
  func refusal(of head: HTTPRequestHead, _ ticket: ConnectionTicket) -> APIError? {
    if let refusal = hosts.refusal(of: head) { return refusal }
    let isQuestion = head.method == .GET || head.method == .HEAD
    if isQuestion && Self.vitalPaths.contains(String(head.uri.prefix { $0 != "?" })) { return nil }
    guard ticket.isRegular else { return .tooManyConnections }
    guard let client = proxies.client(of: ticket.origin, fields: { head.headers[$0] }) else { return nil }
    return ticket.attribute(to: client.origin) ? nil : .tooManyConnections
  }

  /// Tells of a request that the layers above have not seen.
  func note(_ refusal: APIError, _ ticket: ConnectionTicket) {
    log.log(
      .info, "request refused",
      ["status": "\(refusal.status)", "reason": "\(refusal.message)", "client": "\(ticket.origin.address)"])
  }

  /// Logs a connection whose encryption failed.
  func note(_ error: any Error, _ ticket: ConnectionTicket) {
    log.log(.info, "encryption failed", ["error": "\(error)", "client": "\(ticket.origin.address)"])
  }

  /// Logs a connection that is closed for what its client has sent.
  func note(fault: any Error, _ ticket: ConnectionTicket) {
    log.log(.info, "connection refused", ["error": "\(fault)", "client": "\(ticket.origin.address)"])
  }

  /// Tells of a client that did not read its answer.
  func noteStalledReader(_ ticket: ConnectionTicket, bytes: Int) {
    log.log(.info, "client does not read", ["unread_bytes": "\(bytes)", "client": "\(ticket.origin.address)"])
  }
}
