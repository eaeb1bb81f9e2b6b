/// A set of token ids.
public struct TokenMask: Sendable, Equatable {
  /// Bit `i % 64` of word `i / 64` is that of token `i`.
  public private(set) var words: [UInt64]

  /// The empty set of ids below `size`.
  public init(size: Int) { words = Array(repeating: 0, count: (size + 63) / 64) }

  /// `true` when an id is in the set; `false` for ids that cannot be.
  public func contains(_ id: Int32) -> Bool {
    id >= 0 && Int(id) >> 6 < words.count && words[Int(id) >> 6] >> UInt64(id & 63) & 1 == 1
  }

  /// Adds an id, which must be below the size.
  public mutating func insert(_ id: Int32) { words[Int(id) >> 6] |= 1 << UInt64(id & 63) }

  /// Takes an id away, which must be below the size.
  public mutating func remove(_ id: Int32) { words[Int(id) >> 6] &= ~(1 << UInt64(id & 63)) }

  /// Adds the ids of a set of the same size.
  public mutating func formUnion(_ other: TokenMask) {
    for index in words.indices { words[index] |= other.words[index] }
  }

  /// Takes away the ids of a set of the same size.
  public mutating func subtract(_ other: TokenMask) {
    for index in words.indices { words[index] &= ~other.words[index] }
  }

  /// Keeps the ids that are in a set of the same size as well.
  public mutating func formIntersection(_ other: TokenMask) {
    for index in words.indices { words[index] &= other.words[index] }
  }

  /// The number of ids. O(size / 64).
  public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

  /// `true` when no id is in the set. O(size / 64).
  public var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
}
