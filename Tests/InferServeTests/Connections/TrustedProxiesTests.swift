import NIOCore
import Testing

@testable import infer_serve

/// Whom a request comes from, as proxies tell it and as clients would like to.
struct TrustedProxiesTests {
  private func origin(_ address: String) throws -> ConnectionOrigin {
    ConnectionOrigin(try SocketAddress(ipAddress: address, port: 1))
  }

  private func client(
    of peer: String = "10.0.0.1", trusting names: [String] = ["10.0.0.0/8", "192.0.2.7", "fd00::/8"],
    _ fields: KeyValuePairs<String, String>
  ) throws -> TrustedProxies.Client? {
    let proxies = try #require(TrustedProxies(names))
    return proxies.client(of: try origin(peer)) { name in fields.filter { $0.key == name }.map(\.value) }
  }

  @Test(arguments: [
    ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.1.2.3", "10.1.2.3", true),
    ("10.1.2.3", "10.1.2.4", false), ("10.1.2.128/25", "10.1.2.127", false), ("0.0.0.0/0", "1.2.3.4", true),
    ("0.0.0.0/0", "::1", false), ("fd00::/8", "fdff::1", true), ("fd00::/8", "fe00::1", false),
    ("::/0", "1.2.3.4", false), ("10.0.0.0/8", "::ffff:10.1.1.1", true), ("::ffff:10.0.0.0/104", "10.1.1.1", true),
    ("10.0.0.0/8", "unknown", false),
  ])
  func blocksHoldAddressesThatBeginAlike(block: String, address: String, isIn: Bool) throws {
    #expect(try #require(AddressBlock(block)).contains(address) == isIn)
  }

  @Test(arguments: [
    "", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "::/129",
    "::ffff:1.2.3.4/95",
    "proxy.example", "10.0.0.0/99999999999999999999",
  ])
  func otherTextsAreNoBlocks(text: String) {
    #expect(AddressBlock(text) == nil && TrustedProxies([text]) == nil)
  }

  @Test func theLastAddressThatIsNoProxysCounts() throws {
    let spoofed = try client(["x-forwarded-for": "1.1.1.1, 203.0.113.5, 192.0.2.7", "x-forwarded-proto": "http, https"])
    #expect(try spoofed == TrustedProxies.Client(origin: origin("203.0.113.5"), scheme: "https"))
    let several = try client(["x-forwarded-for": "1.1.1.1", "x-forwarded-for": "203.0.113.5"])
    #expect(try several?.origin == origin("203.0.113.5") && several?.scheme == nil)
    let standard = try client([
      "forwarded": #"for=1.1.1.1;proto=https, For="[2001:db8::1]:4711";proto=HTTP;by="a,b;c""#
    ])
    #expect(try standard == TrustedProxies.Client(origin: origin("2001:db8::1"), scheme: "http"))
    let own = try client(["x-forwarded-for": "10.9.9.9, 10.8.8.8"])
    #expect(try own?.origin == origin("10.9.9.9"))
    #expect(try client(["x-forwarded-for": "203.0.113.5:80"])?.origin == origin("203.0.113.5"))
  }

  @Test func whoIsNotTrustedIsNotHeard() throws {
    #expect(try client(of: "203.0.113.1", ["x-forwarded-for": "1.1.1.1", "forwarded": "for=1.1.1.1"]) == nil)
    #expect(try client(trusting: [], ["x-forwarded-for": "1.1.1.1"]) == nil)
    #expect(try client([:]) == nil && client(["x-forwarded-proto": "https"]) == nil)
  }

  /// Names, garbage and fields that contradict each other make a request the proxy's own, with limits.
  @Test(arguments: [
    ["x-forwarded-for": "unknown"], ["forwarded": "for=_hidden"], ["forwarded": "for=\"[::1\""], ["forwarded": "x"],
    ["x-forwarded-for": "203.0.113.5", "forwarded": "for=203.0.113.6"],
    ["x-forwarded-for": "203.0.113.5, 1.2.3"],
  ])
  func whatIsNotToldClearlyIsTheProxys(fields: [String: String]) throws {
    let proxies = try #require(TrustedProxies(["127.0.0.1"]))
    let peer = try origin("127.0.0.1")
    let client = try #require(proxies.client(of: peer) { fields[$0].map { [$0] } ?? [] })
    #expect(peer.isLoopback && client.origin == peer.withoutExemption && !client.origin.isLoopback)
  }

  @Test func aSocketIsNamedByItsKind() throws {
    let socket = ConnectionOrigin(try SocketAddress(unixDomainSocketPath: "/s"))
    #expect(socket.isLoopback && socket.address == "unix")
    let fields = { (name: String) in name == "x-forwarded-for" ? ["203.0.113.5"] : [] }
    #expect(try TrustedProxies(["unix"])?.client(of: socket, fields: fields)?.origin == origin("203.0.113.5"))
    #expect(TrustedProxies(["0.0.0.0/0"])?.client(of: socket, fields: fields) == nil)
  }
}
