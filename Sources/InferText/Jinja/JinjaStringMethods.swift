import OrderedCollections

/// The methods of strings.
extension JinjaEvaluator {
  /// A method of a string. Methods that cut, join and fill in keep track of where each byte comes from.
  func call(_ name: String, of text: JinjaString, _ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaValue {
    try spend(bytes: text.count)
    try spend(onTextsIn: arguments)
    switch name {
    case "strip", "lstrip", "rstrip":
      let characters = try optionalString(arguments.bind(name, ["chars"])[0], name)
      return .string(text.stripped(of: characters, left: name != "rstrip", right: name != "lstrip"))
    case "removeprefix", "removesuffix":
      let affix = try requiredString(arguments.bind(name, ["affix"], required: 1)[0], name)
      let isPrefix = name == "removeprefix"
      guard isPrefix ? text.text.hasExactPrefix(affix) : text.text.hasExactSuffix(affix) else { return .string(text) }
      let length = affix.utf8.count
      return .string(isPrefix ? text[length..<text.count] : text[0..<text.count - length])
    case "split", "rsplit": return try split(text, name, arguments)
    case "partition", "rpartition": return try partition(text, name, arguments)
    case "replace":
      let values = try arguments.bind(name, ["old", "new", "count"], required: 2)
      let (old, new) = (try requiredString(values[0], name), try requiredText(values[1], name))
      let limit = try JinjaValue.integer(values[2], of: name, default: -1)
      return .string(try replace(old, in: text, with: new, limit: limit))
    case "join":
      let items = try arguments.bind(name, ["iterable"], required: 1)[0] ?? .none
      var parts: [JinjaString] = []
      for item in try items.elements() { parts.append(try requiredText(item, name)) }
      return .string(try join(parts, with: text))
    case "format", "format_map":
      return .string(try formatted(text, with: try formatArguments(name, arguments), escaping: false))
    default:
      let result = try call(name, of: text.text, arguments)
      return result.derived(fromOutside: text.isFromOutside || arguments.areFromOutside)
    }
  }

  private func call(_ name: String, of text: String, _ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaValue {
    switch name {
    case "splitlines":
      let keeps = try arguments.bind(name, ["keepends"])[0]?.isTrue ?? false
      return .list(text.lines(keepingBreaks: keeps).map(JinjaValue.plain))
    case "startswith", "endswith": return .bool(try matches(text, name, arguments))
    case "expandtabs":
      let size = try JinjaValue.integer(arguments.bind(name, ["tabsize"])[0], of: name, default: 8)
      try spend(bytes: size, times: text.unicodeScalars.count { $0 == "\t" })
      try spend(bytes: text.utf8.count)
      return .plain(text.expandingTabs(to: size))
    case "find", "rfind", "index", "rindex", "count": return .integer(try locate(text, name, arguments))
    case "center", "ljust", "rjust", "zfill": return .plain(try pad(text, name, arguments))
    default:
      _ = try arguments.bind(name, [])
      return call(name, of: text)
    }
  }

  /// The methods without arguments.
  private func call(_ name: String, of text: String) -> JinjaValue {
    let scalars = text.unicodeScalars
    switch name {
    case "upper": return .plain(text.uppercased())
    case "lower": return .plain(text.lowercased())
    case "casefold":
      // By way of upper case, so that what has no upper case of its own (ß) is folded too.
      return .plain(
        scalars.map { $0.properties.uppercaseMapping.unicodeScalars.map(\.properties.lowercaseMapping).joined() }
          .joined())
    case "capitalize": return .plain(text.capitalizedAsSentence)
    case "title": return .plain(text.titlecased)
    case "swapcase":
      return .plain(
        scalars.map { $0.properties.isUppercase ? $0.properties.lowercaseMapping : $0.properties.uppercaseMapping }
          .joined())
    case "isupper":
      return .bool(
        scalars.contains(where: \.properties.isUppercase) && !scalars.contains(where: \.properties.isLowercase))
    case "islower":
      return .bool(
        scalars.contains(where: \.properties.isLowercase) && !scalars.contains(where: \.properties.isUppercase))
    case "istitle": return .bool(text.isTitle)
    case "isprintable": return .bool(scalars.allSatisfy(\.isPrintable))
    case "isidentifier":
      return .bool(
        scalars.first.map { $0 == "_" || $0.properties.isXIDStart } ?? false
          && scalars.dropFirst().allSatisfy(\.properties.isXIDContinue))
    case "isascii": return .bool(scalars.allSatisfy(\.isASCII))
    case "isspace": return .bool(!text.isEmpty && scalars.allSatisfy(\.isPythonSpace))
    case "isalpha": return .bool(!text.isEmpty && scalars.allSatisfy(\.isPythonLetter))
    case "isdecimal": return .bool(!text.isEmpty && scalars.allSatisfy { $0.properties.numericType == .decimal })
    case "isdigit":
      return .bool(!text.isEmpty && scalars.allSatisfy { [.decimal, .digit].contains($0.properties.numericType) })
    case "isnumeric": return .bool(!text.isEmpty && scalars.allSatisfy { $0.properties.numericType != nil })
    case "isalnum":
      return .bool(!text.isEmpty && scalars.allSatisfy { $0.isPythonLetter || $0.properties.numericType != nil })
    default: preconditionFailure("'\(name)' is listed as a method of strings but is none")
    }
  }

  // MARK: - Arguments

  /// The values that `format` or `format_map` fills in.
  func formatArguments(_ name: String, _ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaArguments {
    guard name == "format_map" else { return arguments }
    guard case .dictionary(let members)? = try arguments.bind(name, ["mapping"], required: 1)[0] else {
      throw .reason("format_map() expects a mapping")
    }
    var named = JinjaArguments()
    for (key, value) in members { if let key = key.asString { named.named[key] = value } }
    return named
  }

  func requiredString(_ value: JinjaValue?, _ function: String) throws(JinjaFailure) -> String {
    guard let text = value?.asString else {
      throw .reason("\(function)() expects a string, not \(value?.typeName ?? "nothing")")
    }
    return text
  }

  private func requiredText(_ value: JinjaValue?, _ function: String) throws(JinjaFailure) -> JinjaString {
    switch value {
    case .string(let text), .markup(let text): return text
    default: throw .reason("\(function)() expects a string, not \(value?.typeName ?? "nothing")")
    }
  }

  private func optionalString(_ value: JinjaValue?, _ function: String) throws(JinjaFailure) -> String? {
    if case .some(.none)? = Optional(value) { return nil }
    return try value.map { (value) throws(JinjaFailure) in try requiredString(value, function) }
  }

  // MARK: - Methods with arguments

  private func split(
    _ text: JinjaString, _ name: String, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    let values = try arguments.bind(name, ["sep", "maxsplit"])
    let count = try JinjaValue.integer(values[1], of: name, default: -1)
    let limit = count < 0 ? .max : count
    let separator = try optionalString(values[0], name)
    if separator == "" { throw .reason("empty separator") }
    if let separator {
      let parts = text.parts(separatedBy: separator, limit: limit, fromRight: name == "rsplit")
      return .list(parts.map(JinjaValue.string))
    }
    let words = text.text.words(limit: limit, fromRight: name == "rsplit")
    return JinjaValue.list(words.map(JinjaValue.plain)).derived(fromOutside: text.isFromOutside)
  }

  private func partition(
    _ text: JinjaString, _ name: String, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    let separator = try requiredString(arguments.bind(name, ["sep"], required: 1)[0], name)
    if separator.isEmpty { throw .reason("empty separator") }
    let parts = text.parts(separatedBy: separator, limit: 1, fromRight: name == "rpartition")
    if parts.count == 2 {
      let found = text[parts[0].count..<text.count - parts[1].count]
      return .tuple([.string(parts[0]), .string(found), .string(parts[1])])
    }
    let empty = JinjaValue.string("")
    return .tuple(name == "partition" ? [.string(text), empty, empty] : [empty, empty, .string(text)])
  }

  /// `startswith` and `endswith`, of one string or of any in a tuple.
  private func matches(_ text: String, _ name: String, _ arguments: JinjaArguments) throws(JinjaFailure) -> Bool {
    let values = try arguments.bind(name, ["affix", "start", "end"], required: 1)
    var text = text
    if values[1] != nil || values[2] != nil {
      // Behind the end is nothing, not even an empty string.
      let start = try JinjaValue.bound(values[1])
      if let start, start > text.unicodeScalars.count { return false }
      text = try slice(.plain(text), start: start, stop: try JinjaValue.bound(values[2]), step: nil).text
    }
    var affixes = [values[0] ?? .none]
    if case .tuple(let elements) = affixes[0] { affixes = elements }
    for affix in affixes {
      let affix = try requiredString(affix, name)
      if name == "startswith" ? text.hasExactPrefix(affix) : text.hasExactSuffix(affix) { return true }
    }
    return false
  }

  func replace(
    _ old: String, in text: JinjaString, with new: JinjaString, limit: Int
  ) throws(JinjaFailure) -> JinjaString {
    let limit = limit < 0 ? .max : limit
    let places = old.isEmpty ? text.text.unicodeScalars.count + 1 : text.text.exactPositions(of: old).count
    let (bytes, overflow) = places.multipliedReportingOverflow(by: new.count)
    try spend(bytes: overflow ? .max : text.count + bytes)
    guard old.isEmpty else { return JinjaString(joining: text.parts(separatedBy: old, limit: limit), with: new) }
    return JinjaString(
      text.text.replacing(old, with: new.text, limit: limit), isFromOutside: text.isFromOutside || new.isFromOutside)
  }

  func join(_ parts: [JinjaString], with separator: JinjaString) throws(JinjaFailure) -> JinjaString {
    try spend(bytes: parts.reduce(0) { $0 + $1.count + separator.count })
    return JinjaString(joining: parts, with: separator)
  }

  private func locate(_ text: String, _ name: String, _ arguments: JinjaArguments) throws(JinjaFailure) -> Int {
    let values = try arguments.bind(name, ["sub", "start", "end"], required: 1)
    if values[1] != nil || values[2] != nil { return try locate(in: text, name, values) }
    let part = try requiredString(values[0], name)
    let scalars = text.unicodeScalars.count
    if name == "count" { return part.isEmpty ? scalars + 1 : text.exactPositions(of: part).count }
    let parts = text.parts(separatedBy: part, limit: 1, fromRight: name.hasPrefix("r"))
    if part.isEmpty { return name.hasPrefix("r") ? scalars : 0 }
    if parts.count == 2 { return parts[0].unicodeScalars.count }
    guard name.hasSuffix("find") else { throw .reason("substring not found") }
    return -1
  }

  /// Finds or counts in a part of the text.
  private func locate(in text: String, _ name: String, _ values: [JinjaValue?]) throws(JinjaFailure) -> Int {
    let length = text.unicodeScalars.count
    let start = try JinjaValue.bound(values[1]) ?? 0
    let first = start < 0 ? max(0, start + length) : start
    let part = try slice(.plain(text), start: first, stop: try JinjaValue.bound(values[2]), step: nil).text
    // Python finds nothing, not even an empty string, behind the end.
    let position =
      first > length
      ? -1
      : try locate(
        part, name == "count" ? name : name.hasPrefix("r") ? "rfind" : "find",
        JinjaArguments(positional: [values[0] ?? .none]))
    if name == "count" { return max(0, position) }
    if position >= 0 { return position + first }
    guard name.hasSuffix("find") else { throw .reason("substring not found") }
    return -1
  }

  private func pad(_ text: String, _ name: String, _ arguments: JinjaArguments) throws(JinjaFailure) -> String {
    let values = try arguments.bind(name, name == "zfill" ? ["width"] : ["width", "fillchar"], required: 1)
    guard values[0]?.isInteger == true else { throw .reason("\(name)() expects an integer as its width") }
    let width = try JinjaValue.integer(values[0], of: name, default: 0)
    let fill = values.count > 1 ? try optionalString(values[1], name) ?? " " : "0"
    guard fill.unicodeScalars.count == 1 else { throw .reason("\(name)() expects one character to fill with") }
    let length = text.unicodeScalars.count
    // A text that is wide enough stays as it is, however far below the width is.
    let missing = width > length ? width - length : 0
    try spend(bytes: fill.utf8.count, times: missing)
    let padding = { (count: Int) in String(repeating: fill, count: count) }
    switch name {
    case "ljust": return text + padding(missing)
    case "rjust": return padding(missing) + text
    case "center":
      let left = missing / 2 + (missing & width & 1)
      return padding(left) + text + padding(missing - left)
    default:
      let sign = ["-", "+"].first(where: text.hasExactPrefix) ?? ""
      return sign + padding(missing) + (text.removing(exactPrefix: sign) ?? "")
    }
  }
}

extension Unicode.Scalar {
  fileprivate var isPythonLetter: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }
}
