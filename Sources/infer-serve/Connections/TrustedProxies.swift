import NIOCore

/// The proxies whose word counts on whom a request comes from: `Forwarded` (RFC 7239), `X-Forwarded-For` and
/// `X-Forwarded-Proto`.
///
/// Clients can send these fields as well, and each proxy adds to what it gets: the client is the last address that is no
/// trusted proxy's.
struct TrustedProxies: Sendable {
  /// The one that a proxy tells of.
  struct Client: Sendable, Equatable {
    var origin: ConnectionOrigin
    /// The scheme of its request, `http` or `https`; `nil` where it is not told.
    var scheme: String?
  }

  /// The name of all that connect to a Unix socket.
  static let socketName = "unix"

  private let blocks: [AddressBlock]
  private let trustsSockets: Bool

  static let none = TrustedProxies(blocks: [], trustsSockets: false)

  private init(blocks: [AddressBlock], trustsSockets: Bool) {
    self.blocks = blocks
    self.trustsSockets = trustsSockets
  }

  /// The proxies of addresses, blocks of them, and `unix`; `nil` if one is none of these.
  init?(_ names: [String]) {
    var blocks: [AddressBlock] = []
    for name in names where name != Self.socketName {
      guard let block = AddressBlock(name) else { return nil }
      blocks.append(block)
    }
    self.init(blocks: blocks, trustsSockets: names.contains(Self.socketName))
  }

  /// Whether a connection is a proxy's.
  func trusts(_ peer: ConnectionOrigin) -> Bool {
    peer.isSocket ? trustsSockets : blocks.contains { $0.contains(peer.address) }
  }

  /// The client of a request; `nil` where it is the one that has connected.
  ///
  /// Where both fields are there and tell different clients, one of them is not the proxy's, and neither counts: the request
  /// is then the proxy's own.
  ///
  /// - Parameter fields: The values of a header field of this name.
  func client(of peer: ConnectionOrigin, fields: (String) -> [String]) -> Client? {
    guard trusts(peer) else { return nil }
    let forwarded = ForwardedField.elements(fields("forwarded"))
    let listed = fields("x-forwarded-for").flatMap { $0.split(separator: ",") }.map {
      ForwardedField.address(String($0))
    }
    guard !forwarded.isEmpty || !listed.isEmpty else { return nil }
    let candidates = [forwarded.map(\.address), listed].filter { !$0.isEmpty }.map { last($0, peer) }
    let origin = candidates.allSatisfy { $0 == candidates[0] } ? candidates[0] : peer.withoutExemption
    let scheme =
      forwarded.last?.scheme
      ?? fields("x-forwarded-proto").last.flatMap { $0.split(separator: ",").last }
      .map { $0.trimmingPrefix { $0 == " " }.lowercased() }
    return Client(origin: origin, scheme: scheme.flatMap { ["http", "https"].contains($0) ? $0 : nil })
  }

  /// The last address that is no proxy's; a name instead of an address is the proxy's that told it.
  private func last(_ addresses: [String?], _ peer: ConnectionOrigin) -> ConnectionOrigin {
    var last = peer.withoutExemption
    for address in addresses.reversed() {
      guard let address, let socket = try? SocketAddress(ipAddress: address, port: 0) else { break }
      last = ConnectionOrigin(socket)
      guard trusts(last) else { break }
    }
    return last
  }
}
