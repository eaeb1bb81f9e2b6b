import InferCore

/// The hash of a block of tokens and of all before it, as vLLM's `sha256_cbor` makes it where `PYTHONHASHSEED` is 0:
/// SHA-256 of the hash of the block before, the block's tokens and what else its content depends on, in CBOR's
/// canonical form.
struct BlockHash {
  /// The hash before the first block: that of the seed, a text.
  static let root = BlockHash(bytes: SHA256.hash(data: [0x61, UInt8(ascii: "0")]))

  let bytes: [UInt8]

  /// The number that events have for the hash: its last 64 bits.
  var number: UInt64 { bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) } }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  /// The hash of a block.
  ///
  /// - Parameters:
  ///   - parent: The hash of the block before.
  ///   - keys: What else the content depends on.
  init(behind parent: BlockHash, _ tokens: [Int32], keys: [String]) {
    var data: [UInt8] = []
    Self.head(4, 3, &data)
    Self.head(2, parent.bytes.count, &data)
    data += parent.bytes
    Self.head(4, tokens.count, &data)
    for token in tokens { Self.head(0, Int(UInt32(bitPattern: token)), &data) }
    if keys.isEmpty {
      data.append(0xF6)
    } else {
      Self.head(4, keys.count, &data)
      for key in keys {
        Self.head(3, key.utf8.count, &data)
        data += key.utf8
      }
    }
    bytes = SHA256.hash(data: data)
  }

  /// Writes the beginning of a value of CBOR: its kind, and a number in the shortest form.
  private static func head(_ kind: UInt8, _ number: Int, _ data: inout [UInt8]) {
    let (code, count): (UInt8, Int) =
      switch number {
      case 0..<24: (UInt8(number), 0)
      case 0..<0x100: (24, 1)
      case 0..<0x1_0000: (25, 2)
      case 0..<0x1_0000_0000: (26, 4)
      default: (27, 8)
      }
    data.append(kind << 5 | code)
    for index in (0..<count).reversed() { data.append(UInt8(truncatingIfNeeded: number >> (8 * index))) }
  }
}
