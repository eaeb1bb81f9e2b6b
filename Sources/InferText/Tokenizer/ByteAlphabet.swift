/// The spelling of byte-level vocabularies: every byte has a printable character of its own, so that any bytes can be
/// written as text. Printable Latin-1 stands for itself; the other 68 bytes take U+0100, U+0101, … in byte order.
enum ByteAlphabet {
  /// The character's UTF-8 for each byte.
  static let spelling: [[UInt8]] = scalars.map { Array(Character($0).utf8) }

  private static let scalars: [Unicode.Scalar] = {
    var next: UInt16 = 0x100
    return (UInt8.min...UInt8.max).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)
      default:
        defer { next += 1 }
        return Unicode.Scalar(next) ?? "\u{FFFD}"
      }
    }
  }()

  private static let bytes: [Unicode.Scalar: UInt8] =
    Dictionary(uniqueKeysWithValues: zip(scalars, UInt8.min...UInt8.max))

  /// The bytes that `token` spells, or nil when it holds a character outside the alphabet.
  static func bytes(spelledBy token: String) -> [UInt8]? {
    var spelled: [UInt8] = []
    spelled.reserveCapacity(token.utf8.count)
    for scalar in token.unicodeScalars {
      guard let byte = bytes[scalar] else { return nil }
      spelled.append(byte)
    }
    return spelled
  }
}
