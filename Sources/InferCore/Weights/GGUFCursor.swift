/// A cursor over the head of a GGUF file. Lengths are checked: no byte behind the file's last is touched, and no memory
/// is allocated that the file cannot fill.
struct GGUFCursor {
  /// Kinds of metadata values, by their numbers.
  enum Kind: UInt32 {
    case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

    /// Bytes that a value takes at least.
    var leastBytes: Int {
      switch self {
      case .uint8, .int8, .bool: 1
      case .uint16, .int16: 2
      case .uint32, .int32, .float32: 4
      case .string, .uint64, .int64, .float64: 8
      case .array: 12
      }
    }
  }

  /// Arrays within arrays at most.
  static let deepestNesting = 4
  /// Values of all arrays together at most: some times those of the largest vocabularies. In memory a value takes far
  /// more than the byte it may take in the file.
  static let mostValues = 1 << 22

  let file: MappedFile
  private(set) var offset = 0
  private var valuesLeft = Self.mostValues
  /// The name of the part that is being read, for messages.
  var place = "header"

  init(_ file: MappedFile) { self.file = file }

  func wrong(_ reason: String) -> ModelError { .malformed(at: file.url, reason: "\(place): \(reason)") }

  /// Moves over some bytes and returns where they are.
  mutating func take(_ count: UInt64) throws(ModelError) -> Range<Int> {
    guard count <= UInt64(file.byteCount - offset) else {
      throw wrong("\(count) bytes at byte \(offset) of a file of \(file.byteCount): truncated or damaged")
    }
    let range = offset..<offset + Int(count)
    offset = range.upperBound
    return range
  }

  /// A little-endian integer.
  mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(ModelError) -> Value {
    let range = try take(UInt64(Value.bitWidth / 8))
    return Value(littleEndian: unsafe file.base.loadUnaligned(fromByteOffset: range.lowerBound, as: Value.self))
  }

  /// The number of items that follow, of which each takes at least so many bytes.
  mutating func count(ofAtLeast bytes: Int) throws(ModelError) -> Int {
    let count = try integer(UInt64.self)
    guard count <= UInt64((file.byteCount - offset) / bytes) else {
      throw wrong("\(count) items cannot be in the \(file.byteCount - offset) bytes that are left")
    }
    return Int(count)
  }

  /// A text with its length before it.
  mutating func string() throws(ModelError) -> String {
    let range = try take(integer(UInt64.self))
    let bytes = unsafe UnsafeRawBufferPointer(start: file.base + range.lowerBound, count: range.count)
    guard let text = unsafe String(validating: bytes, as: UTF8.self) else { throw wrong("a string is no UTF-8 text") }
    return text
  }

  /// The kind of a value.
  mutating func kind() throws(ModelError) -> Kind {
    let number = try integer(UInt32.self)
    guard let kind = Kind(rawValue: number) else { throw wrong("value type \(number), expected 0 … 12") }
    return kind
  }

  /// A value of a kind.
  mutating func value(_ kind: Kind, depth: Int = 0) throws(ModelError) -> GGUFValue {
    switch kind {
    case .uint8: return .unsigned(UInt64(try integer(UInt8.self)))
    case .uint16: return .unsigned(UInt64(try integer(UInt16.self)))
    case .uint32: return .unsigned(UInt64(try integer(UInt32.self)))
    case .uint64: return .unsigned(try integer())
    case .int8: return .signed(Int64(try integer(Int8.self)))
    case .int16: return .signed(Int64(try integer(Int16.self)))
    case .int32: return .signed(Int64(try integer(Int32.self)))
    case .int64: return .signed(try integer())
    case .float32: return .number(Double(Float(bitPattern: try integer())))
    case .float64: return .number(Double(bitPattern: try integer()))
    case .bool:
      let byte = try integer(UInt8.self)
      guard byte <= 1 else { throw wrong("truth value \(byte), expected 0 or 1") }
      return .bool(byte == 1)
    case .string: return .string(try string())
    case .array: return .array(try array(depth: depth + 1))
    }
  }

  private mutating func array(depth: Int) throws(ModelError) -> [GGUFValue] {
    guard depth <= Self.deepestNesting else { throw wrong("arrays nested deeper than \(Self.deepestNesting)") }
    let kind = try kind()
    let count = try count(ofAtLeast: kind.leastBytes)
    guard count <= valuesLeft else { throw wrong("arrays of more than \(Self.mostValues) values in all") }
    valuesLeft -= count
    var values: [GGUFValue] = []
    values.reserveCapacity(count)
    for _ in 0..<count { values.append(try value(kind, depth: depth)) }
    return values
  }
}
