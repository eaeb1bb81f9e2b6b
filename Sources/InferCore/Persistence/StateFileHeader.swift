/// The beginning of a record of state: whose state it is, and of which tokens.
///
/// A record is a header, the header's hash, the state's bytes and a hash of all before it. The header has a fixed part of
/// ``fixedByteCount`` bytes and the tokens, the state's bytes are those of `StateStore.parts`. Integers are little-endian.
/// A file has one record or several, each of which goes on from the one before.
struct StateFileHeader: Sendable, Equatable {
  /// The first bytes of every file.
  static let magic = Array("ISSTATE\n".utf8)
  /// The bytes before the tokens.
  static let fixedByteCount = 176
  /// The bytes of a hash.
  static let hashByteCount = SHA256.byteCount

  let identity: StateIdentity
  /// The hash of the scope.
  let scope: [UInt8]
  /// The number of records that follow in the file.
  let following: Int
  /// The key of the prefix that the record goes on from; zeros when it begins at position 0.
  let parent: StateKey
  /// The position of the first token.
  let start: Int
  /// The tokens from there on. Recurrent state is that after the last one.
  let tokens: [Int32]
  /// The number of bytes of the state.
  let stateByteCount: Int

  /// The number of tokens of the whole prefix.
  var end: Int { start + tokens.count }

  /// The number of bytes of the whole record.
  var recordByteCount: Int { Self.fixedByteCount + tokens.count * 4 + 2 * Self.hashByteCount + stateByteCount }

  /// The header's bytes, without their hash.
  var bytes: [UInt8] {
    var bytes = Self.magic
    bytes.append(littleEndian: StateIdentity.version)
    bytes.append(littleEndian: UInt32(KVType.allCases.firstIndex(of: identity.kvType) ?? 0))
    bytes.append(littleEndian: UInt32(identity.pageTokens))
    bytes.append(littleEndian: UInt32(following))
    bytes += identity.model + identity.layout + scope + parent.bytes
    for number in [start, end, stateByteCount] { bytes.append(littleEndian: UInt64(number)) }
    return bytes + tokens.littleEndianBytes
  }
}

extension StateFileHeader {
  /// A fault of a record's first bytes.
  enum Fault: Error, Equatable {
    case damaged(String)
    case version(UInt32)
  }

  /// The number of tokens that a fixed part promises.
  ///
  /// - Parameters:
  ///   - fixed: The first bytes of a record.
  ///   - byteCount: The number of bytes of the file from there on.
  static func tokenCount(_ fixed: [UInt8], byteCount: Int) throws(Fault) -> Int {
    guard fixed.starts(with: magic) else { throw .damaged("it does not begin as files of state do") }
    guard fixed.count == fixedByteCount else { throw .damaged("it ends within its header") }
    let version = UInt32(truncatingIfNeeded: integer(fixed, at: 8, bytes: 4))
    guard version == StateIdentity.version else { throw .version(version) }
    let (start, end) = (integer(fixed, at: 152, bytes: 8), integer(fixed, at: 160, bytes: 8))
    // No product or sum of what is left can overflow.
    guard start < end, end <= UInt64(Int32.max), (end - start) * 4 <= UInt64(byteCount) else {
      throw .damaged("it says that it holds tokens \(start) ..< \(end), in \(byteCount) bytes")
    }
    return Int(end - start)
  }

  /// The header in a record's first bytes.
  ///
  /// - Parameters:
  ///   - bytes: The fixed part and as many tokens as it promises.
  ///   - hash: The hash that follows them in the file.
  ///   - byteCount: The number of bytes of the file from the record on.
  init(_ bytes: [UInt8], hash: [UInt8], byteCount: Int) throws(Fault) {
    guard SHA256.hash(data: bytes) == hash else { throw .damaged("its header is not as it was written") }
    let type = Int(Self.integer(bytes, at: 12, bytes: 4))
    let pageTokens = Int(Self.integer(bytes, at: 16, bytes: 4))
    guard KVType.allCases.indices.contains(type) else { throw .damaged("it has a cache format \(type)") }
    identity = StateIdentity(
      model: Array(bytes[24..<56]), kvType: KVType.allCases[type], pageTokens: pageTokens,
      layout: Array(bytes[56..<88]))
    following = Int(Self.integer(bytes, at: 20, bytes: 4))
    scope = Array(bytes[88..<120])
    parent = StateKey(bytes: Array(bytes[120..<152]))
    start = Int(Self.integer(bytes, at: 152, bytes: 8))
    tokens = [Int32](littleEndianBytes: bytes[Self.fixedByteCount...])
    let rest = byteCount - bytes.count - 2 * Self.hashByteCount
    let promised = Self.integer(bytes, at: 168, bytes: 8)
    guard rest >= 0, following == 0 ? promised == UInt64(rest) : promised < UInt64(rest) else {
      throw .damaged("it says that it holds \(promised) bytes of state, and has \(rest)")
    }
    stateByteCount = Int(promised)
  }

  private static func integer(_ bytes: [UInt8], at offset: Int, bytes count: Int) -> UInt64 {
    UInt64(littleEndianBytes: bytes[offset..<offset + count])
  }
}
