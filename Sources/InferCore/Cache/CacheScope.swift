/// The sequences that may share state with each other: those of one salt.
public struct CacheScope: Sendable, Hashable {
  /// The salt, compared by bytes; empty for everybody's.
  public let salt: [UInt8]

  /// The scope of a salt.
  public init(salt: [UInt8] = []) { self.salt = salt }

  /// The scope of all that have no salt.
  public static let shared = CacheScope()
}

/// A hash of a prefix: of a scope's salt and all tokens, page after page: each word is added by xor, and mixed by a
/// multiplication and a shift.
struct PrefixHash: Hashable {
  private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  init(_ scope: CacheScope) {
    for byte in scope.salt { add(UInt64(byte)) }
  }

  /// The hash with a page of tokens more.
  func adding(_ tokens: ArraySlice<Int32>) -> PrefixHash {
    var hash = self
    for token in tokens { hash.add(UInt64(UInt32(bitPattern: token))) }
    return hash
  }

  private mutating func add(_ word: UInt64) {
    value = (value ^ word) &* 0x9e37_79b9_7f4a_7c15
    value ^= value >> 29
  }
}
