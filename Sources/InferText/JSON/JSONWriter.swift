extension JSONValue {
  /// How a document is written. The defaults are compact; `.python` is what Python's `json.dumps` writes.
  public struct WritingOptions: Sendable {
    /// Spaces per level, one member or element per line; nil for a single line.
    public var indent: Int?
    /// Write every scalar outside printable ASCII as `\uXXXX`.
    public var ensureASCII: Bool
    /// Between elements and between members.
    public var itemSeparator: String
    /// Between a key and its value.
    public var keySeparator: String
    /// Order members by key (by Unicode scalars) instead of keeping the order of insertion.
    public var sortKeys: Bool

    /// The defaults are those of `compact`.
    public init(
      indent: Int? = nil, ensureASCII: Bool = false, itemSeparator: String = ",", keySeparator: String = ":",
      sortKeys: Bool = false
    ) {
      self.indent = indent
      self.ensureASCII = ensureASCII
      self.itemSeparator = itemSeparator
      self.keySeparator = keySeparator
      self.sortKeys = sortKeys
    }

    /// No white space at all.
    public static let compact = WritingOptions()
    /// `json.dumps(value, ensure_ascii=False)`.
    public static let python = WritingOptions(itemSeparator: ", ", keySeparator: ": ")
    /// `json.dumps(value, ensure_ascii=False, indent=2)`.
    public static let pretty = WritingOptions(indent: 2, keySeparator: ": ")
  }

  /// The document as text. Numbers print as Python prints them, so that they read back to the same value;
  /// non-finite numbers become `NaN`, `Infinity` and `-Infinity`, which only a lenient reader accepts.
  public func serialized(_ options: WritingOptions = .compact) -> String {
    var writer = JSONWriter(options: options, limit: .max)
    writer.write(self, level: 0)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  /// As ``serialized(_:)``, or nil when the text would have more than `limit` bytes.
  func serialized(_ options: WritingOptions, atMost limit: Int) -> String? {
    var writer = JSONWriter(options: options, limit: limit)
    writer.write(self, level: 0)
    return writer.isFull ? nil : String(decoding: writer.bytes, as: UTF8.self)
  }

  /// Appends the document without white space, in UTF-8.
  package func write(to bytes: inout [UInt8]) {
    var writer = JSONWriter(options: .compact, limit: .max, bytes: exchange(&bytes, with: []))
    writer.write(self, level: 0)
    bytes = writer.bytes
  }
}

private struct JSONWriter {
  private let options: JSONValue.WritingOptions
  /// The most bytes of text; no more is written once there are more.
  private let limit: Int
  private(set) var bytes: [UInt8]

  init(options: JSONValue.WritingOptions, limit: Int, bytes: [UInt8] = []) {
    self.options = options
    self.limit = limit
    self.bytes = bytes
  }

  private static let brackets = (open: UInt8(ascii: "["), close: UInt8(ascii: "]"))
  private static let braces = (open: UInt8(ascii: "{"), close: UInt8(ascii: "}"))

  var isFull: Bool { bytes.count > limit }

  mutating func write(_ value: JSONValue, level: Int) {
    if isFull { return }
    switch value {
    case .null: append("null")
    case .bool(let value): append(value ? "true" : "false")
    case .integer(let value): append(String(value))
    case .largeInteger(let value): append(value.description)
    case .number(let value): append(Self.literal(value))
    case .string(let value): quote(value)
    case .array(let elements):
      list(elements, Self.brackets, level) { writer, element in writer.write(element, level: level + 1) }
    case .object(let members) where options.sortKeys:
      let ordered = members.sorted { $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars) }
      list(ordered, Self.braces, level) { writer, member in writer.write(member.key, member.value, level + 1) }
    case .object(let members):
      list(members, Self.braces, level) { writer, member in writer.write(member.key, member.value, level + 1) }
    }
  }

  private mutating func write(_ key: String, _ value: JSONValue, _ level: Int) {
    quote(key)
    separate(options.keySeparator)
    write(value, level: level)
  }

  private mutating func list<Items: Sequence>(
    _ items: Items, _ marks: (open: UInt8, close: UInt8), _ level: Int,
    _ writeItem: (inout JSONWriter, Items.Element) -> Void
  ) {
    bytes.append(marks.open)
    var isEmpty = true
    for item in items where !isFull {
      if !isEmpty { separate(options.itemSeparator) }
      isEmpty = false
      breakLine(level + 1)
      writeItem(&self, item)
    }
    if !isEmpty { breakLine(level) }
    bytes.append(marks.close)
  }

  private mutating func breakLine(_ level: Int) {
    guard let indent = options.indent else { return }
    let (width, overflow) = indent.multipliedReportingOverflow(by: level)
    // One break of a line can be longer than all that is allowed.
    let room = limit - min(limit, bytes.count)
    append("\n")
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: overflow || width > room ? room : width))
  }

  private static func literal(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    return value.isFinite ? value.pythonDescription : value < 0 ? "-Infinity" : "Infinity"
  }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// Separators are short: byte by byte takes less time than to copy a sequence.
  private mutating func separate(_ separator: String) { for byte in separator.utf8 { bytes.append(byte) } }

  private mutating func quote(_ string: String) {
    bytes.append(UInt8(ascii: "\""))
    if isPlain(string.utf8.span) {
      append(string)
    } else {
      for scalar in string.unicodeScalars { quote(scalar) }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// `true` when all bytes stand for themselves.
  private func isPlain(_ bytes: Span<UInt8>) -> Bool {
    let end: UInt8 = options.ensureASCII ? 0x7F : .max
    for index in bytes.indices {
      let byte = bytes[index]
      if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte >= end { return false }
    }
    return true
  }

  private mutating func quote(_ scalar: Unicode.Scalar) {
    switch scalar {
    case "\"": append("\\\"")
    case "\\": append("\\\\")
    case "\n": append("\\n")
    case "\r": append("\\r")
    case "\t": append("\\t")
    case "\u{8}": append("\\b")
    case "\u{C}": append("\\f")
    case "\u{0}"..<" ": escape(scalar)
    case " "..."~": bytes.append(UInt8(scalar.value))
    default: options.ensureASCII ? escape(scalar) : append(String(scalar))
    }
  }

  private mutating func escape(_ scalar: Unicode.Scalar) {
    for unit in Character(scalar).utf16 {
      let digits = String(unit, radix: 16)
      append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
    }
  }
}
