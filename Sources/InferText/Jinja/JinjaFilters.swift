import OrderedCollections

/// The filters. Text and lists are in extensions of their own.
extension JinjaEvaluator {
  static let filterNames: Set<String> = textFilters.union(listFilters).union(otherFilters)

  private static let otherFilters: Set<String> = [
    "abs", "attr", "count", "d", "default", "dictsort", "float", "int", "items", "length", "round", "tojson",
  ]

  func apply(
    filter name: String, to value: JinjaValue, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    if let text = value.asString { try spend(bytes: text.utf8.count) }
    if Self.textFilters.contains(name) { return try applyText(filter: name, to: value, arguments) }
    if Self.listFilters.contains(name) { return try applyList(filter: name, to: value, arguments) }
    switch name {
    case "default", "d":
      let values = try arguments.bind(name, ["default_value", "boolean"])
      let replaces = value.isUndefined || (values[1]?.isTrue == true && !value.isTrue)
      return replaces ? values[0] ?? .string("") : value
    case "length", "count":
      _ = try arguments.bind(name, [])
      guard let count = try length(of: value) else { throw .reason("object of type '\(value.typeName)' has no len()") }
      return .integer(count)
    case "attr":
      let attribute = try requiredString(arguments.bind(name, ["name"], required: 1)[0], name)
      if case .dictionary = value {
        return JinjaMethods.find(attribute, of: value) ?? .undefined("'dict object' has no attribute '\(attribute)'")
      }
      return try self.attribute(attribute, of: value)
    case "items": return try items(value, arguments)
    case "dictsort": return try sortedItems(value, arguments)
    case "tojson":
      let isFromOutside = value.isFromOutside || arguments.areFromOutside
      return .string(JinjaString(try json(value, arguments), isFromOutside: isFromOutside))
    case "abs", "int", "float", "round": return try applyNumber(filter: name, to: value, arguments)
    default: throw .reason("the filter '\(name)' is not supported")
    }
  }

  /// Like `json.dumps` with `ensure_ascii=False`, as Hugging Face defines it.
  private func json(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFailure) -> String {
    let values = try arguments.bind("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"])
    try spend(on: value)
    var options = JSONValue.WritingOptions.python
    options.ensureASCII = values[0]?.isTrue ?? false
    if values[1]?.asString != nil { throw .reason("tojson: an indent that is a string is not supported") }
    let indent = try JinjaValue.integer(values[1], of: "tojson", default: -1)
    if let given = values[1], given.isInteger {
      options.indent = max(0, indent)
      options.itemSeparator = ","
    }
    if let separators = values[2] {
      let pair = try separators.elements()
      if pair.count == 2 {
        options.itemSeparator = try requiredString(pair[0], "tojson")
        options.keySeparator = try requiredString(pair[1], "tojson")
      }
    }
    let sorted = values[3]?.isTrue == true ? try sortingKeys(of: value) : value
    guard let text = try sorted.json().serialized(options, atMost: Self.maximumTextBytes) else {
      throw .reason("tojson: a text of more than the \(Self.maximumTextBytes) bytes that are allowed")
    }
    try spend(bytes: text.utf8.count)
    return text
  }

  /// With the members of all dictionaries in the order of their keys, which have to be comparable.
  private func sortingKeys(of value: JinjaValue) throws(JinjaFailure) -> JinjaValue {
    switch value {
    case .list(let elements), .tuple(let elements):
      var sorted: [JinjaValue] = []
      for element in elements { sorted.append(try sortingKeys(of: element)) }
      return .list(sorted)
    case .dictionary(let members):
      var sorted: JinjaDictionary = [:]
      for pair in try sort(members.map { [$0.key, $0.value] }, reversed: false, by: { $0[0] }) {
        sorted[pair[0]] = try sortingKeys(of: pair[1])
      }
      return .dictionary(sorted)
    default: return value
    }
  }

  private func items(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaValue {
    _ = try arguments.bind("items", [])
    if value.isUndefined { return .iterator([]) }
    guard case .dictionary(let members) = value else { throw .reason("Can only get item pairs from a mapping.") }
    try spend(members.count)
    return .iterator(members.map { .tuple([$0.key, $0.value]) })
  }

  private func sortedItems(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaValue {
    let values = try arguments.bind("dictsort", ["case_sensitive", "by", "reverse"])
    guard case .dictionary(let members) = value else {
      throw .reason("dictsort expects a mapping, not \(value.typeName)")
    }
    let position: Int
    switch values[1] ?? .string("key") {
    case .string("key"): position = 0
    case .string("value"): position = 1
    default: throw .reason("You can only sort by either \"key\" or \"value\"")
    }
    var pairs: [[JinjaValue]] = []
    for (key, value) in members {
      pairs.append([try sortKey(of: position == 0 ? key : value, caseSensitive: values[0]), key, value])
    }
    let sorted = try sort(pairs, reversed: values[2]?.isTrue ?? false) { $0[0] }
    return .list(sorted.map { .tuple([$0[1], $0[2]]) })
  }

  // MARK: - Numbers

  private func applyNumber(
    filter name: String, to value: JinjaValue, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    if case .undefined(let reason) = value { throw .reason(reason) }
    switch name {
    case "abs":
      _ = try arguments.bind(name, [])
      guard let number = value.asNumber else { throw .reason("bad operand type for abs(): '\(value.typeName)'") }
      if value.isInteger { return number < 0 ? try negate(value) : value.asInteger.map(JinjaValue.integer) ?? value }
      return .number(number.magnitude)
    case "int":
      if let text = value.asString { try spend(bytes: text.utf8.count, times: Self.formatCost) }
      let values = try arguments.bind(name, ["default", "base"])
      let base = try JinjaValue.integer(values[1], of: name, default: 10)
      return value.parsedInteger(base: base) ?? values[0] ?? .integer(0)
    case "float":
      let fallback = try arguments.bind(name, ["default"])[0]
      return value.parsedNumber.map(JinjaValue.number) ?? fallback ?? .number(0)
    default: return try round(value, arguments)
    }
  }

  private func round(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaValue {
    let values = try arguments.bind("round", ["precision", "method"])
    guard let number = value.asNumber else { throw .reason("type \(value.typeName) can't be rounded") }
    let precision = max(-300, min(300, try JinjaValue.integer(values[0], of: "round", default: 0)))
    let scale = 10.0.raised(to: Double(precision))
    switch values[1] ?? .string("common") {
    // Python rounds up and down to integers, which have no negative zero.
    case .string("ceil"), .string("floor"):
      guard number.isFinite else { throw .reason("cannot convert float \(number.pythonDescription) to integer") }
      let rounds = values[1] == .string("ceil") ? FloatingPointRoundingRule.up : .down
      // Where scaling overflows, there is no digit to round.
      return .number((number * scale).isFinite ? ((number * scale).rounded(rounds) + 0) / scale : number)
    case .string("common"):
      if value.isInteger, precision >= 0 { return value.asInteger.map(JinjaValue.integer) ?? value }
      guard number.isFinite, precision >= 0 else { return .number((number * scale).rounded(.toNearestOrEven) / scale) }
      // Correct rounding of the decimal expansion, halves to even, as Python's round: by way of its digits.
      return .number(Double(number.fixed(digits: precision)) ?? number)
    default: throw .reason("method must be common, ceil or floor")
    }
  }
}

extension JinjaValue {
  fileprivate func parsedInteger(base: Int) -> JinjaValue? {
    switch self {
    case .string(let text), .markup(let text):
      return text.text.pythonInteger(base: base) ?? parsedNumber.flatMap { JinjaValue(truncating: $0) }
    case .number(let value): return JinjaValue(truncating: value)
    case .largeInteger: return self
    default: return asInteger.map(JinjaValue.integer)
    }
  }

  /// The integer part of a number; nil for one that is not finite.
  init?(truncating number: Double) {
    let whole = number.rounded(.towardZero)
    if let integer = Int(exactly: whole) {
      self = .integer(integer)
    } else if whole.isFinite, let integer = LargeInteger(whole.fixed(digits: 0)) {
      self = .largeInteger(integer)
    } else {
      return nil
    }
  }

  var parsedNumber: Double? {
    guard let text = asString else { return asNumber }
    let stripped = text.stripped().lowercased()
    // Swift reads hexadecimal numbers too.
    return stripped.utf8.contains(UInt8(ascii: "x")) ? nil : Double(stripped)
  }
}

extension String {
  /// Python's `int(text, base)`; a prefix such as `0x` may stand before the digits, and has to for base 0.
  fileprivate func pythonInteger(base: Int) -> JinjaValue? {
    var digits = stripped()
    guard !digits.hasExactPrefix("_"), !digits.hasExactSuffix("_"), !digits.containsExactly("__") else { return nil }
    digits = digits.replacing("_", with: "", limit: .max).lowercased()
    let isNegative = digits.hasExactPrefix("-")
    digits = digits.removing(exactPrefix: isNegative ? "-" : "+") ?? digits
    var radix = base
    for (prefix, prefixed) in [("0x", 16), ("0o", 8), ("0b", 2)] where base == prefixed || base == 0 {
      guard let rest = digits.removing(exactPrefix: prefix) else { continue }
      digits = rest
      radix = prefixed
    }
    if radix == 0 { radix = 10 }
    guard (2...36).contains(radix), !digits.hasExactPrefix("-"), !digits.hasExactPrefix("+") else { return nil }
    digits = (isNegative ? "-" : "") + digits
    return Int(digits, radix: radix).map(JinjaValue.integer)
      ?? (radix == 10 ? LargeInteger(digits).map(JinjaValue.largeInteger) : nil)
  }
}
