import NIOCore

/// The origin of a connection.
struct ConnectionOrigin: Sendable, Equatable {
  /// The address, for the log.
  let address: String
  /// The unit that counts as one client: an address, or a network of 64 bits with IPv6.
  let network: String
  /// Whether the client is on this machine.
  private(set) var isLoopback: Bool
  /// Whether the client has come over a Unix socket.
  let isSocket: Bool

  /// The origin of a connection that a server has taken.
  init(of channel: any Channel) {
    // A client has no name of its own there.
    if case .unixDomainSocket = channel.localAddress {
      self.init(channel.localAddress)
    } else {
      self.init(channel.remoteAddress)
    }
  }

  /// This origin as one that limits hold for, although others of this machine have none.
  var withoutExemption: ConnectionOrigin {
    var origin = self
    origin.isLoopback = false
    return origin
  }

  init(_ socket: SocketAddress?) {
    if case .unixDomainSocket = socket {
      (address, network, isLoopback, isSocket) = ("unix", "unix", true, true)
      return
    }
    isSocket = false
    address = socket?.ipAddress ?? "unknown"
    switch AddressBlock.bytes(of: address) {
    case let bytes? where bytes.count == 4:
      network = address
      isLoopback = bytes[0] == 127
    case let bytes?:
      network = stride(from: 0, to: 8, by: 2).map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
        .joined(separator: ":")
      isLoopback = bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1
    case nil:
      network = address
      isLoopback = false
    }
  }
}
