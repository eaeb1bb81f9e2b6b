import InferCore
import InferText

/// The SHA-256 of a key, which stands for it wherever it is kept. Keys are random and long, so that it needs no salt.
struct KeyDigest: Sendable, Hashable {
  private let bytes: [UInt8]

  /// The digest of a key.
  init(of key: String) { bytes = SHA256.hash(data: Array(key.utf8)) }

  /// The digest of 64 hexadecimal digits; `nil` for anything else.
  init?(hexadecimal text: String) {
    let digits = Array(text.utf8).map { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == 2 * SHA256.byteCount else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = digits[index], let low = digits[index + 1] else { return nil }
      bytes.append(UInt8(high << 4 | low))
    }
    self.bytes = bytes
  }

  /// 64 hexadecimal digits.
  var hexadecimal: String { bytes.hexadecimal }

  /// Compares in a time that tells nothing of where digests differ.
  static func == (one: KeyDigest, other: KeyDigest) -> Bool {
    var difference: UInt8 = 0
    for index in 0..<SHA256.byteCount { difference |= one.bytes[index] ^ other.bytes[index] }
    return difference == 0
  }

  /// A new key: `sk-` and 256 random bits in the characters that URLs take.
  static func makeKey() -> String {
    var generator = SystemRandomNumberGenerator()
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    return "sk-" + String((0..<43).map { _ in alphabet[Int.random(in: 0..<64, using: &generator)] })
  }

  /// `true` for a text that a header field can carry as a key: visible characters of ASCII.
  static func isKey(_ text: String) -> Bool {
    (1...maximumBytes).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
  }

  /// The longest key, in bytes: a request's header fields hold little more (``ConnectionRules/headerLimit``).
  private static let maximumBytes = 4096

  /// The rule for keys.
  static let keyRule = "1 to \(maximumBytes) visible characters of ASCII"
}
