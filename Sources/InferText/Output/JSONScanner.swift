/// Finds the end of one JSON value, a byte at a time, and refuses what is not JSON.
///
/// More lenient than a parser in one thing: line breaks and other control characters may stand in strings as they are,
/// as models write them.
struct JSONScanner: Sendable {
  enum Progress {
    /// The byte belongs to the value, which goes on.
    case more
    /// The value ends with the byte.
    case complete
    /// The value, a number or a name, has ended before the byte.
    case completeBefore
    case invalid
  }

  private enum State {
    case value, firstKey, key, colon, separator, string, escape, hex(Int), number(Number), name(Int, Int)
  }
  private enum Number { case sign, zero, integer, point, fraction, exponent, exponentSign, exponentDigits }

  private static let names = ["true", "false", "null"].map { Array($0.utf8) }
  private static let maximumDepth = 200

  private var state = State.value
  /// For every container around this place: whether it is an object.
  private var containers: [Bool] = []
  /// Whether the string being read is a key.
  private var isKey = false
  /// Whether an array may end here although a value may come.
  private var mayEnd = false

  /// Whether the byte just taken, or the next one, stands inside a string.
  var isInString: Bool {
    switch state {
    case .string, .escape, .hex: true
    default: false
    }
  }

  mutating func advance(_ byte: UInt8) -> Progress {
    switch state {
    case .string: return string(byte)
    case .escape:
      guard "\"\\/bfnrtu".utf8.contains(byte) else { return .invalid }
      state = byte == UInt8(ascii: "u") ? .hex(4) : .string
      return .more
    case .hex(let left):
      guard byte.isHexDigit else { return .invalid }
      state = left == 1 ? .string : .hex(left - 1)
      return .more
    case .number(let part): return number(part, byte)
    case .name(let name, let count):
      guard Self.names[name][count] == byte else { return .invalid }
      if count + 1 == Self.names[name].count { return end() }
      state = .name(name, count + 1)
      return .more
    case .value, .firstKey, .key, .colon, .separator: return byte.isJSONSpace ? .more : structure(byte)
    }
  }

  private mutating func structure(_ byte: UInt8) -> Progress {
    switch (state, byte) {
    case (.value, _): return value(byte)
    case (.firstKey, UInt8(ascii: "}")): return close(isObject: true)
    case (.firstKey, UInt8(ascii: "\"")), (.key, UInt8(ascii: "\"")):
      isKey = true
      state = .string
    case (.colon, UInt8(ascii: ":")): state = .value
    case (.separator, UInt8(ascii: ",")): state = containers.last == true ? .key : .value
    case (.separator, UInt8(ascii: "}")): return close(isObject: true)
    case (.separator, UInt8(ascii: "]")): return close(isObject: false)
    default: return .invalid
    }
    return .more
  }

  private mutating func value(_ byte: UInt8) -> Progress {
    defer { mayEnd = byte == UInt8(ascii: "[") }
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard containers.count < Self.maximumDepth else { return .invalid }
      containers.append(byte == UInt8(ascii: "{"))
      state = byte == UInt8(ascii: "{") ? .firstKey : .value
    case UInt8(ascii: "]") where mayEnd: return close(isObject: false)
    case UInt8(ascii: "\""):
      isKey = false
      state = .string
    case UInt8(ascii: "-"): state = .number(.sign)
    case UInt8(ascii: "0"): state = .number(.zero)
    case UInt8(ascii: "1")...UInt8(ascii: "9"): state = .number(.integer)
    default:
      guard let name = Self.names.firstIndex(where: { $0[0] == byte }) else { return .invalid }
      state = .name(name, 1)
    }
    return .more
  }

  private mutating func string(_ byte: UInt8) -> Progress {
    if byte == UInt8(ascii: "\\") { state = .escape }
    guard byte == UInt8(ascii: "\"") else { return .more }
    guard isKey else { return end() }
    state = .colon
    return .more
  }

  private mutating func close(isObject: Bool) -> Progress {
    guard containers.popLast() == isObject else { return .invalid }
    return end()
  }

  /// A value has ended with the byte.
  private mutating func end() -> Progress {
    state = .separator
    return containers.isEmpty ? .complete : .more
  }

  private mutating func number(_ part: Number, _ byte: UInt8) -> Progress {
    let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    let isExponent = byte | 0x20 == UInt8(ascii: "e")
    switch part {
    case .sign where isDigit: state = .number(byte == UInt8(ascii: "0") ? .zero : .integer)
    case .integer where isDigit: break
    case .zero where byte == UInt8(ascii: "."), .integer where byte == UInt8(ascii: "."): state = .number(.point)
    case .point where isDigit, .fraction where isDigit: state = .number(.fraction)
    case .zero where isExponent, .integer where isExponent, .fraction where isExponent: state = .number(.exponent)
    case .exponent where byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-"): state = .number(.exponentSign)
    case .exponent where isDigit, .exponentSign where isDigit, .exponentDigits where isDigit:
      state = .number(.exponentDigits)
    case .zero, .integer, .fraction, .exponentDigits:
      state = .separator
      if containers.isEmpty { return .completeBefore }
      return byte.isJSONSpace ? .more : structure(byte)
    default: return .invalid
    }
    return .more
  }
}

extension UInt8 {
  fileprivate var isHexDigit: Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
      || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(self | 0x20)
  }
}
