import Foundation
import InferText
import NIOCore
import NIOHTTP1

/// Which names of hosts requests may be for.
///
/// A page in a browser can have its own name resolve to this machine, and then read what a server here answers (DNS
/// rebinding). The name stands in `Host`, so a server that listens on a loopback address takes none but those that
/// always mean this machine, addresses, and names that it was told.
struct HostRule: Sendable {
  /// Names that are taken beside `localhost` and addresses, in lower case; `*` stands for all.
  private let names: Set<ExactText>
  private let takesAll: Bool

  /// - Parameters:
  ///   - names: Names that are taken as well; `*` for all.
  ///   - isLoopback: Whether the server listens on a loopback address: elsewhere all names are taken unless some are given.
  init(names: [String], isLoopback: Bool) {
    self.names = Set(names.map { ExactText($0.lowercased()) })
    takesAll = names.contains("*") || (names.isEmpty && !isLoopback)
  }

  /// Why a request is refused, if it is.
  func refusal(of head: HTTPRequestHead) -> APIError? {
    let hosts = head.headers["host"]
    if head.version == .http1_1, hosts.count != 1 {
      return .invalid(
        nil, "A request of HTTP/1.1 must have one Host field, not \(hosts.count).", code: "malformed_request")
    }
    var names = hosts
    // The target may name a host of its own, which then counts.
    if let authority = Self.authority(of: head.uri) { names.append(authority) }
    for name in names {
      guard let host = Self.host(of: name) else { return .malformed("'\(name)' is no host") }
      if !takesAll, !takes(host) { return .hostNotAllowed(host) }
    }
    return nil
  }

  private func takes(_ host: String) -> Bool {
    if host.isEmpty || Self.isLocalName(host) { return true }
    return names.contains(host) || (try? SocketAddress(ipAddress: host, port: 0)) != nil
  }

  /// `true` for a name in lower case that always means this machine.
  static func isLocalName(_ host: String) -> Bool { host == "localhost" || host.hasSuffix(".localhost") }

  /// The host of a `Host` field without its port, in lower case; an address of IPv6 without its brackets.
  static func host(of field: String) -> String? {
    guard field.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "@") })
    else { return nil }
    let lower = field.lowercased()
    let host: Substring
    let rest: Substring
    if lower.hasPrefix("[") {
      guard let end = lower.firstIndex(of: "]") else { return nil }
      host = lower[lower.index(after: lower.startIndex)..<end]
      rest = lower[lower.index(after: end)...]
    } else {
      host = lower.prefix { $0 != ":" }
      rest = lower[host.endIndex...]
    }
    guard rest.isEmpty || (rest.hasPrefix(":") && rest.dropFirst().allSatisfy(\.isASCIIDigit)) else { return nil }
    return String(host.hasSuffix(".") ? host.dropLast() : host)
  }

  /// The host that a target in absolute form names.
  private static func authority(of target: String) -> String? {
    guard !target.hasPrefix("/"), let scheme = target.range(of: "://") else { return nil }
    return String(target[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" })
  }
}

extension Character {
  fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}
