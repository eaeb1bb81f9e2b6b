import Glibc
import NIOCore

/// How many connections there may be.
struct ConnectionLimits: Sendable, Equatable {
  /// All together.
  var total: Int
  /// From one address, or one network of 64 bits with IPv6.
  var perAddress: Int
  /// Whether ``perAddress`` holds for clients of this machine too. Behind a proxy here, all come from one address.
  var includesLoopback: Bool
  /// Connections beyond those, for the server's health and for saying that there are too many.
  var reserve: Int

  /// Descriptors that the process needs beside those of connections.
  private static let ownDescriptors = 24
  private static let maximum = 16_384

  /// Limits that leave as many descriptors unused as the process needs; `total` and `perAddress` replace them.
  init(descriptors: Int, total: Int? = nil, perAddress: Int? = nil) {
    let free = max(4, min(descriptors - Self.ownDescriptors, Self.maximum))
    reserve = min(max(1, free / 4), 16)
    self.total = total ?? free - reserve
    self.perAddress = perAddress ?? max(1, self.total / 2)
    includesLoopback = perAddress != nil
  }

  /// Descriptors that so many connections need.
  var descriptors: Int { total + reserve + Self.ownDescriptors }

  /// Descriptors that this process may have: as many as the system lets it ask for.
  static func raiseDescriptorLimit() -> Int {
    var limit = rlimit()
    guard unsafe getrlimit(descriptorLimit, &limit) == 0 else { return 256 }
    let wanted = min(limit.rlim_max, rlim_t(maximum + ownDescriptors))
    if limit.rlim_cur < wanted {
      var raised = limit
      raised.rlim_cur = wanted
      if unsafe setrlimit(descriptorLimit, &raised) == 0 { limit = raised }
    }
    return Int(clamping: limit.rlim_cur)
  }
}

private let descriptorLimit = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

/// The origin of a connection.
struct ConnectionOrigin: Sendable, Equatable {
  /// The address, for the log.
  let address: String
  /// The unit that counts as one client: an address, or a network of 64 bits with IPv6.
  let network: String
  /// Whether the client is on this machine.
  let isLoopback: Bool

  init(_ socket: SocketAddress?) {
    address = socket?.ipAddress ?? "unknown"
    switch socket {
    case .v4:
      network = address
      isLoopback = Self.bytes(of: address, AF_INET, count: 4)[0] == 127
    case .v6:
      let bytes = Self.bytes(of: address, AF_INET6, count: 16)
      // An address of IPv4 that came in over IPv6.
      let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
      network =
        isMapped
        ? address
        : stride(from: 0, to: 8, by: 2).map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
          .joined(separator: ":")
      isLoopback = isMapped ? bytes[12] == 127 : bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1
    default:
      network = address
      isLoopback = false
    }
  }

  /// The bytes of an address of a family, which has that many.
  private static func bytes(of address: String, _ family: Int32, count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    _ = unsafe inet_pton(family, address, &bytes)
    return bytes
  }
}
