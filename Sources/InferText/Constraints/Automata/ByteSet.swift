/// A set of bytes.
struct ByteSet: Hashable, Sendable {
  private var words: SIMD4<UInt64>

  private init(words: SIMD4<UInt64>) { self.words = words }

  /// The empty set.
  init() { words = .zero }

  /// The bytes from one to another.
  init(_ bytes: ClosedRange<UInt8>) {
    self.init()
    for index in 0..<4 {
      let (least, most) = (max(Int(bytes.lowerBound) - index * 64, 0), min(Int(bytes.upperBound) - index * 64, 63))
      if least <= most { words[index] = UInt64.max >> UInt64(63 - most) & UInt64.max << UInt64(least) }
    }
  }

  /// All bytes.
  static let all = ByteSet(words: SIMD4(repeating: .max))

  var isEmpty: Bool { words == .zero }

  func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] >> (byte & 63) & 1 == 1 }

  mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << (byte & 63) }

  func union(_ other: ByteSet) -> ByteSet { ByteSet(words: words | other.words) }
}
