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
    return writer.text
  }

  /// As ``serialized(_:)``, or nil when the text would have more than `limit` bytes.
  func serialized(_ options: WritingOptions, atMost limit: Int) -> String? {
    var writer = JSONWriter(options: options, limit: limit)
    writer.write(self, level: 0)
    return writer.isFull ? nil : writer.text
  }
}

private struct JSONWriter {
  let options: JSONValue.WritingOptions
  /// The most bytes of text; no more is written once there are more.
  let limit: Int
  var text = ""

  init(options: JSONValue.WritingOptions, limit: Int) {
    self.options = options
    self.limit = limit
  }

  var isFull: Bool { text.utf8.count > limit }

  mutating func write(_ value: JSONValue, level: Int) {
    if isFull { return }
    switch value {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .largeInteger(let value): text += value.description
    case .number(let value): text += Self.literal(value)
    case .string(let value): quote(value)
    case .array(let elements):
      list(elements, "[", "]", level) { writer, element in writer.write(element, level: level + 1) }
    case .object(let members):
      let ordered =
        options.sortKeys
        ? members.sorted { $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars) }
        : members.map { ($0.key, $0.value) }
      list(ordered, "{", "}", level) { writer, member in
        writer.quote(member.0)
        writer.text += writer.options.keySeparator
        writer.write(member.1, level: level + 1)
      }
    }
  }

  private mutating func list<Item>(
    _ items: [Item], _ open: String, _ close: String, _ level: Int, _ writeItem: (inout JSONWriter, Item) -> Void
  ) {
    text += open
    for (index, item) in items.enumerated() where !isFull {
      if index > 0 { text += options.itemSeparator }
      breakLine(level + 1)
      writeItem(&self, item)
    }
    if !items.isEmpty { breakLine(level) }
    text += close
  }

  private mutating func breakLine(_ level: Int) {
    guard let indent = options.indent else { return }
    let (width, overflow) = indent.multipliedReportingOverflow(by: level)
    // One break of a line can be longer than all that is allowed.
    let room = limit - min(limit, text.utf8.count)
    text += "\n" + String(repeating: " ", count: overflow || width > room ? room : width)
  }

  private static func literal(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    return value.isFinite ? value.pythonDescription : value < 0 ? "-Infinity" : "Infinity"
  }

  private mutating func quote(_ string: String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{8}": text += "\\b"
      case "\u{C}": text += "\\f"
      case "\u{0}"..<" ": escape(scalar)
      case " "..."~": text.unicodeScalars.append(scalar)
      default: options.ensureASCII ? escape(scalar) : text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }

  private mutating func escape(_ scalar: Unicode.Scalar) {
    for unit in Character(scalar).utf16 {
      let digits = String(unit, radix: 16)
      text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
  }
}
