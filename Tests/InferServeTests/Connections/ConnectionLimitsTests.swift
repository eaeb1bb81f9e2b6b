import NIOCore
import Testing

@testable import infer_serve

struct ConnectionLimitsTests {
  @Test(arguments: [0, 40, 64, 256, 1024, 1 << 20]) func someRoomIsLeftWhateverTheLimit(descriptors: Int) {
    let limits = ConnectionLimits(descriptors: descriptors)
    #expect(limits.total >= 1 && limits.reserve >= 1 && limits.perAddress >= 1)
    if descriptors >= 64 { #expect(limits.descriptors <= descriptors) }
    #expect(!limits.includesLoopback)
  }

  @Test func whatIsGivenHolds() {
    let limits = ConnectionLimits(descriptors: 64, total: 1000, perAddress: 3)
    #expect(limits.total == 1000 && limits.perAddress == 3 && limits.includesLoopback && limits.descriptors > 1000)
  }

  @Test(arguments: [
    ("127.0.0.5", "127.0.0.5", true), ("10.1.2.3", "10.1.2.3", false), ("::1", "0:0:0:0", true),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2", false), ("::ffff:127.0.0.1", "::ffff:127.0.0.1", true),
    ("::ffff:10.0.0.1", "::ffff:10.0.0.1", false),
  ])
  func oneClientIsAnAddressOrANetwork(address: String, network: String, isLoopback: Bool) throws {
    let origin = ConnectionOrigin(try SocketAddress(ipAddress: address, port: 1))
    #expect(origin.network == network && origin.isLoopback == isLoopback)
  }
}
