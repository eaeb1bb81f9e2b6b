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
