import OrderedCollections

/// The filters. Text and lists are in extensions of their own.
extension JinjaEvaluator {
  static let filterNames: Set<String> = textFilters.union(listFilters).union(pageFilters).union(otherFilters)

  private static let otherFilters: Set<String> = [
    "abs", "attr", "count", "d", "default", "dictsort", "float", "int", "items", "length", "round", "tojson",
  ]

  func apply(
    filter name: String, to value: JinjaValue, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    if Self.textFilters.contains(name) { return try applyText(filter: name, to: value, arguments) }
    if Self.listFilters.contains(name) { return try applyList(filter: name, to: value, arguments) }
    if Self.pageFilters.contains(name) { return try applyPage(filter: name, to: value, arguments) }
    switch name {
    case "default", "d":
      let values = try arguments.bind(name, ["default_value", "boolean"])
      let replaces = value.isUndefined || (values[1]?.isTrue == true && !value.isTrue)
      return replaces ? values[0] ?? .string("") : value
    case "length", "count":
      _ = try arguments.bind(name, [])
      guard let count = value.count else { throw .reason("object of type '\(value.typeName)' has no len()") }
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
    // Without which a template for a model can do.
    case "pprint", "urlize": throw .reason("the filter '\(name)' is not supported")
    default: throw .reason("no filter named '\(name)'")
    }
  }

  /// Like `json.dumps` with `ensure_ascii=False`, as Hugging Face defines it.
  private func json(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFailure) -> String {
    let values = try arguments.bind("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"])
    try spend(on: value)
    var options = JSONValue.WritingOptions.python
    options.ensureASCII = values[0]?.isTrue ?? false
    if let indent = values[1]?.asInteger {
      options.indent = min(max(0, indent), 16)
      options.itemSeparator = ","
    } else if values[1]?.asString != nil {
      throw .reason("tojson: an indent that is a string is not supported")
    }
    if let separators = values[2] {
      let pair = try separators.elements()
      if pair.count == 2 {
        options.itemSeparator = try requiredString(pair[0], "tojson")
        options.keySeparator = try requiredString(pair[1], "tojson")
      }
    }
    let sorted = values[3]?.isTrue == true ? try sortingKeys(of: value) : value
    return try sorted.json().serialized(options)
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
    let pairs = members.map { [$0.key, $0.value] }
    let sorted = try sort(pairs, reversed: values[2]?.isTrue ?? false) {
      $0[position].sortKey(caseSensitive: values[0]?.isTrue ?? false)
    }
    return .list(sorted.map(JinjaValue.tuple))
  }

  // MARK: - Numbers

  private func applyNumber(
    filter name: String, to value: JinjaValue, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    if case .undefined(let reason) = value { throw .reason(reason) }
    switch name {
    case "abs":
      _ = try arguments.bind(name, [])
      if let integer = value.asInteger { return integer < 0 ? try negate(.integer(integer)) : .integer(integer) }
      guard let number = value.asNumber else { throw .reason("bad operand type for abs(): '\(value.typeName)'") }
      return .number(number.magnitude)
    case "int":
      let values = try arguments.bind(name, ["default", "base"])
      return value.parsedInteger(base: values[1]?.asInteger ?? 10).map(JinjaValue.integer) ?? values[0] ?? .integer(0)
    case "float":
      let fallback = try arguments.bind(name, ["default"])[0]
      return value.parsedNumber.map(JinjaValue.number) ?? fallback ?? .number(0)
    default: return try round(value, arguments)
    }
  }

  private func round(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaValue {
    let values = try arguments.bind("round", ["precision", "method"])
    guard let number = value.asNumber else { throw .reason("type \(value.typeName) can't be rounded") }
    let precision = max(-300, min(300, values[0]?.asInteger ?? 0))
    let scale = 10.0.raised(to: Double(precision))
    switch values[1] ?? .string("common") {
    // Python rounds up and down to integers, which have no negative zero.
    case .string("ceil"): return .number(((number * scale).rounded(.up) + 0) / scale)
    case .string("floor"): return .number(((number * scale).rounded(.down) + 0) / scale)
    case .string("common"):
      if let integer = value.asInteger, precision >= 0 { return .integer(integer) }
      guard number.isFinite, precision >= 0 else { return .number((number * scale).rounded(.toNearestOrEven) / scale) }
      // Correct rounding of the decimal expansion, halves to even, as Python's round: by way of its digits.
      return .number(Double(number.fixed(digits: precision)) ?? number)
    default: throw .reason("method must be common, ceil or floor")
    }
  }
}

extension JinjaValue {
  fileprivate func parsedInteger(base: Int) -> Int? {
    switch self {
    case .string(let text), .markup(let text):
      if let integer = text.text.pythonInteger(base: base) { return integer }
      return parsedNumber.flatMap { Int(exactly: $0.rounded(.towardZero)) }
    case .number(let value): return Int(exactly: value.rounded(.towardZero))
    default: return asInteger
    }
  }

  var parsedNumber: Double? {
    guard let text = asString else { return asNumber }
    let stripped = text.stripped().lowercased()
    // Swift reads hexadecimal numbers too.
    return stripped.contains("x") ? nil : Double(stripped)
  }

  /// What a value is sorted by: text without regard to case, unless asked for.
  func sortKey(caseSensitive: Bool) -> JinjaValue {
    guard let text = asString, !caseSensitive else { return self }
    return .plain(text.lowercased())
  }
}

extension String {
  /// What `int(text, base)` gives in Python; a prefix such as `0x` may stand before the digits, and has to for base 0.
  fileprivate func pythonInteger(base: Int) -> Int? {
    var digits = stripped()
    guard !digits.hasPrefix("_"), !digits.hasSuffix("_"), !digits.contains("__") else { return nil }
    digits = digits.replacing("_", with: "", limit: .max).lowercased()
    let isNegative = digits.hasPrefix("-")
    if isNegative || digits.hasPrefix("+") { digits.removeFirst() }
    var radix = base
    for (prefix, prefixed) in [("0x", 16), ("0o", 8), ("0b", 2)]
    where (base == prefixed || base == 0) && digits.hasPrefix(prefix) {
      digits.removeFirst(2)
      radix = prefixed
    }
    guard !digits.hasPrefix("-"), !digits.hasPrefix("+"), (2...36).contains(radix == 0 ? 10 : radix) else { return nil }
    return Int((isNegative ? "-" : "") + digits, radix: radix == 0 ? 10 : radix)
  }
}
