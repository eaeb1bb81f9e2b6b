/// A set of bytes.
struct ByteSet: Hashable, Sendable {
  private var words: SIMD4<UInt64>

  private init(words: SIMD4<UInt64>) { self.words = words }

  /// The empty set.
  init() { words = .zero }

  /// The bytes from one to another.
  init(_ bytes: ClosedRange<UInt8>) {
    self.init()
    for byte in bytes { insert(byte) }
  }

  /// All bytes.
  static let all = ByteSet(words: SIMD4(repeating: .max))

  var isEmpty: Bool { words == .zero }

  func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] >> (byte & 63) & 1 == 1 }

  mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << (byte & 63) }

  func union(_ other: ByteSet) -> ByteSet { ByteSet(words: words | other.words) }
  func intersection(_ other: ByteSet) -> ByteSet { ByteSet(words: words & other.words) }
  var inverse: ByteSet { ByteSet(words: ~words) }

  /// The least byte; `nil` of the empty set.
  var first: UInt8? {
    for index in 0..<4 where words[index] != 0 {
      return UInt8(index * 64 + words[index].trailingZeroBitCount)
    }
    return nil
  }

  /// Calls `body` with each byte, in ascending order.
  func forEach(_ body: (UInt8) -> Void) {
    for index in 0..<4 {
      var word = words[index]
      while word != 0 {
        body(UInt8(index * 64 + word.trailingZeroBitCount))
        word &= word - 1
      }
    }
  }
}
