import Glibc

/// An address, or all that begin alike, as `10.0.0.0/8`.
struct AddressBlock: Sendable, Equatable {
  private let bytes: [UInt8]
  private let length: Int

  /// The block of a text; `nil` for one that is none.
  init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let bytes = Self.bytes(of: String(parts[0])) else { return nil }
    var length = bytes.count * 8
    if parts.count == 2 {
      let isMapped = parts[0].contains(":") && bytes.count == 4
      guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let given = Int(parts[1]) else { return nil }
      guard (0...length).contains(given - (isMapped ? 96 : 0)) else { return nil }
      length = given - (isMapped ? 96 : 0)
    }
    self.bytes = bytes
    self.length = length
  }

  /// Whether an address belongs to it.
  func contains(_ address: String) -> Bool {
    guard let other = Self.bytes(of: address), other.count == bytes.count else { return false }
    return (0..<length).allSatisfy { bit in (bytes[bit / 8] ^ other[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0 }
  }

  /// The bytes of an address: four, also of one of IPv4 that is written as one of IPv6, or sixteen; `nil` for other texts.
  static func bytes(of address: String) -> [UInt8]? {
    var four = [UInt8](repeating: 0, count: 4)
    if unsafe inet_pton(AF_INET, address, &four) == 1 { return four }
    var bytes = [UInt8](repeating: 0, count: 16)
    guard unsafe inet_pton(AF_INET6, address, &bytes) == 1 else { return nil }
    let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
    return isMapped ? Array(bytes[12...]) : bytes
  }
}
