import InferCore
import Logging
import NIOCore
import NIOHTTP1

/// The rules for every connection, and the logger for breaking them.
struct ConnectionRules: Sendable {
  /// How long a client may neither send what is waited for nor read what is written.
  let idleTimeout: Duration
  let hosts: HostRule
  /// All connections.
  let connections: Connections
  let log: RateLimitedLog

  /// Paths that are answered on connections beyond the limits.
  private static let vitalPaths: Set<String> = ["/health", "/metrics", "/ping"]

  /// Why a request is refused before anybody sees it, if it is.
  func refusal(of head: HTTPRequestHead, _ ticket: ConnectionTicket) -> APIError? {
    if let refusal = hosts.refusal(of: head) { return refusal }
    let isQuestion = head.method == .GET || head.method == .HEAD
    if ticket.isRegular || isQuestion && Self.vitalPaths.contains(String(head.uri.prefix { $0 != "?" })) { return nil }
    return .tooManyConnections
  }

  /// Tells of a request that the layers above have not seen.
  func note(_ refusal: APIError, _ ticket: ConnectionTicket) {
    log.log(
      .info, "request refused",
      ["status": "\(refusal.status)", "reason": "\(refusal.message)", "client": "\(ticket.origin.address)"])
  }

  /// Tells of a client that did not read its answer.
  func noteStalledReader(_ ticket: ConnectionTicket, bytes: Int) {
    log.log(.info, "client does not read", ["unread_bytes": "\(bytes)", "client": "\(ticket.origin.address)"])
  }
}
