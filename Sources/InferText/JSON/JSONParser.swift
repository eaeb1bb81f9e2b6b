extension JSONValue {
  /// How strictly a document is read.
  public struct ParsingOptions: Sendable {
    /// The meaning of a second member of the same name.
    public enum DuplicateKeys: Sendable {
      /// The last member of a name counts, as in Python; it stands where the first one stood.
      case keepLast
      /// A second member of the same name is an error.
      case reject
    }

    /// Accept the bare words `NaN`, `Infinity` and `-Infinity`, which Python writes into configuration files.
    public var allowNonFinite: Bool
    /// The meaning of a second member of the same name.
    public var duplicateKeys: DuplicateKeys
    /// How deeply arrays and objects may nest.
    public var maximumDepth: Int

    /// The defaults are those of `strict`.
    public init(allowNonFinite: Bool = false, duplicateKeys: DuplicateKeys = .keepLast, maximumDepth: Int = 200) {
      self.allowNonFinite = allowNonFinite
      self.duplicateKeys = duplicateKeys
      self.maximumDepth = maximumDepth
    }

    /// RFC 8259 as written.
    public static let strict = ParsingOptions()
    /// Files written by Python: RFC 8259 and the non-finite numbers.
    public static let configuration = ParsingOptions(allowNonFinite: true)
    /// As `configuration`, for files with vocabularies: of two tokens of the same spelling one would be lost.
    public static let vocabulary = ParsingOptions(allowNonFinite: true, duplicateKeys: .reject)
  }

  /// Reads one JSON document (RFC 8259, UTF-8, no byte order mark) that fills `bytes` but for white space.
  ///
  /// An escaped surrogate without its partner, a fraction too large for a `Double`, an integer of more digits than
  /// ``LargeInteger/maximumDigits`` and invalid UTF-8 are errors.
  /// - Complexity: O(n).
  public init(parsing bytes: [UInt8], options: ParsingOptions = .strict) throws(JSONError) {
    var parser = JSONParser(bytes: bytes, options: options)
    self = try parser.document()
  }

  /// As `init(parsing:options:)` over the text's UTF-8.
  public init(parsing text: String, options: ParsingOptions = .strict) throws(JSONError) {
    try self.init(parsing: Array(text.utf8), options: options)
  }
}

/// A recursive-descent reader over bytes. Strings are validated and copied once; nothing works on characters.
struct JSONParser {
  let bytes: [UInt8]
  let options: JSONValue.ParsingOptions
  var position = 0

  init(bytes: [UInt8], options: JSONValue.ParsingOptions) {
    self.bytes = bytes
    self.options = options
  }

  mutating func document() throws(JSONError) -> JSONValue {
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw unexpected("the end of the document") }
    return value
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    skipSpace()
    switch peek {
    case UInt8(ascii: "{"): return try object(depth: depth + 1)
    case UInt8(ascii: "["): return try array(depth: depth + 1)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t") where consume("true"): return .bool(true)
    case UInt8(ascii: "f") where consume("false"): return .bool(false)
    case UInt8(ascii: "n") where consume("null"): return .null
    case .some(UInt8(ascii: "0")...UInt8(ascii: "9")), UInt8(ascii: "-"): return try number()
    case UInt8(ascii: "N") where options.allowNonFinite && consume("NaN"): return .number(.nan)
    case UInt8(ascii: "I") where options.allowNonFinite && consume("Infinity"): return .number(.infinity)
    default: throw unexpected("a value")
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    try enter(depth)
    var elements: [JSONValue] = []
    if closes(with: "]") { return .array(elements) }
    while true {
      elements.append(try value(depth: depth))
      if closes(with: "]") { return .array(elements) }
      guard peek == UInt8(ascii: ",") else { throw unexpected("',' or ']'") }
      position += 1
    }
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    try enter(depth)
    var members: JSONObject = [:]
    if closes(with: "}") { return .object(members) }
    while true {
      skipSpace()
      let start = position
      guard peek == UInt8(ascii: "\"") else { throw unexpected("a string as key") }
      let key = try string()
      skipSpace()
      guard peek == UInt8(ascii: ":") else { throw unexpected("':'") }
      position += 1
      let old = members.updateValue(try value(depth: depth), forKey: key)
      guard old == nil || options.duplicateKeys == .keepLast else { throw error("duplicate key \"\(key)\"", at: start) }
      if closes(with: "}") { return .object(members) }
      guard peek == UInt8(ascii: ",") else { throw unexpected("',' or '}'") }
      position += 1
    }
  }

  /// Steps over the opening bracket.
  private mutating func enter(_ depth: Int) throws(JSONError) {
    guard depth <= options.maximumDepth else {
      throw error("nested more than \(options.maximumDepth) levels deep", at: position)
    }
    position += 1
  }

  private mutating func closes(with bracket: Unicode.Scalar) -> Bool {
    skipSpace()
    guard peek == UInt8(ascii: bracket) else { return false }
    position += 1
    return true
  }

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = position
    var isInteger = true
    if peek == UInt8(ascii: "-") { position += 1 }
    if options.allowNonFinite, peek == UInt8(ascii: "I"), consume("Infinity") { return .number(-.infinity) }
    if peek == UInt8(ascii: "0") { position += 1 } else { try digits() }
    if peek == UInt8(ascii: ".") {
      isInteger = false
      position += 1
      try digits()
    }
    if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
      isInteger = false
      position += 1
      if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isInteger {
      if let integer = Int(text) { return .integer(integer) }
      guard let integer = LargeInteger(text) else {
        throw error("the integer \(text.prefix(40))… has more than \(LargeInteger.maximumDigits) digits", at: start)
      }
      return .largeInteger(integer)
    }
    guard let value = Double(text), value.isFinite || options.allowNonFinite else {
      throw error("the number \(text.prefix(40)) is out of range", at: start)
    }
    return .number(value)
  }

  private mutating func digits() throws(JSONError) {
    let start = position
    while let byte = peek, byte &- UInt8(ascii: "0") < 10 { position += 1 }
    guard position > start else { throw unexpected("a digit") }
  }
}

// MARK: - Bytes

extension JSONParser {
  var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private mutating func consume(_ word: StaticString) -> Bool {
    let count = word.utf8CodeUnitCount
    let matches = position + count <= bytes.count && bytes[position..<position + count].elementsEqual("\(word)".utf8)
    if matches { position += count }
    return matches
  }

  func error(_ reason: String, at offset: Int) -> JSONError { JSONError(reason, at: offset, in: bytes) }

  func unexpected(_ expected: String) -> JSONError {
    let found =
      switch peek {
      case nil: "the end of the input"
      case .some(let byte) where byte > 0x20 && byte < 0x7F: "'\(Unicode.Scalar(byte))'"
      case .some(let byte): "byte \(byte)"
      }
    return error("expected \(expected), found \(found)", at: position)
  }
}
