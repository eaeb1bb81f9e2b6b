/// A message in the wire format of protocol buffers, read field by field.
struct ProtocolBuffer {
  enum Value {
    case integer(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  /// Why a message cannot be read, and where.
  struct Damage: Error {
    let offset: Int
    let reason: String
  }

  private let bytes: ArraySlice<UInt8>
  private var position: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  /// The next field's number and value; nil at the end of the message.
  mutating func next() throws(Damage) -> (field: Int, value: Value)? {
    guard position < bytes.endIndex else { return nil }
    let tag = try varint()
    let field = Int(truncatingIfNeeded: tag >> 3 & 0x1FFF_FFFF)
    switch tag & 7 {
    case 0: return (field, .integer(try varint()))
    case 1: return (field, .fixed64(try fixed(8)))
    case 2: return (field, .bytes(try string()))
    case 5: return (field, .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
    case let type: throw damage("a field of the unknown wire type \(type)")
    }
  }

  private mutating func varint() throws(Damage) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < bytes.endIndex else { throw damage("the message ends within a number") }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw damage("a number of more than ten bytes")
  }

  private mutating func fixed(_ count: Int) throws(Damage) -> UInt64 {
    guard bytes.endIndex - position >= count else { throw damage("the message ends within a number") }
    defer { position += count }
    return (0..<count).reduce(0) { $0 | UInt64(bytes[position + $1]) << UInt64(8 * $1) }
  }

  private mutating func string() throws(Damage) -> ArraySlice<UInt8> {
    let count = try varint()
    guard count <= UInt64(bytes.endIndex - position) else {
      throw damage("a string of \(count) bytes, with \(bytes.endIndex - position) left")
    }
    defer { position += Int(count) }
    return bytes[position..<position + Int(count)]
  }

  private func damage(_ reason: String) -> Damage { Damage(offset: position, reason: reason) }
}

extension ProtocolBuffer.Value {
  /// A number, as a truth value or a small count.
  var int: Int? {
    guard case .integer(let value) = self else { return nil }
    return Int(truncatingIfNeeded: value)
  }

  var float: Float? {
    guard case .fixed32(let bits) = self else { return nil }
    return Float(bitPattern: bits)
  }

  var bytes: ArraySlice<UInt8>? {
    guard case .bytes(let bytes) = self else { return nil }
    return bytes
  }
}
