import OrderedCollections

/// Filters over text. What is no text is printed first.
extension JinjaEvaluator {
  static let textFilters: Set<String> = [
    "capitalize", "e", "escape", "format", "indent", "lower", "replace", "safe", "string", "title", "trim",
    "truncate", "upper",
  ]

  func applyText(
    filter name: String, to value: JinjaValue, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    try spend(bytes: try text(of: value).utf8.count)
    try spend(onTextsIn: arguments)
    switch name {
    case "e", "escape", "safe":
      _ = try arguments.bind(name, [])
      return .markup(name == "safe" ? try printed(value) : try escaped(value))
    default:
      let result = try convert(value, by: name, arguments)
      return value.isMarkup && Self.markupFilters.contains(name) ? result.asMarkup : result
    }
  }

  private func convert(
    _ value: JinjaValue, by name: String, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    let text = try printed(value)
    switch name {
    case "trim":
      let characters = try arguments.bind(name, ["chars"])[0]
      let set = try characters.flatMap { (value) throws(JinjaFailure) -> String? in
        if case .none = value { nil } else { try requiredString(value, name) }
      }
      return .string(text.stripped(of: set))
    case "replace":
      let values = try arguments.bind(name, ["old", "new", "count"], required: 2)
      let (old, new) = (try self.text(of: values[0] ?? .none), try printed(values[1] ?? .none))
      let limit = try JinjaValue.integer(values[2], of: name, default: -1)
      return .string(try replace(old, in: text, with: new, limit: limit))
    case "format":
      guard arguments.named.isEmpty || arguments.positional.isEmpty else {
        throw .reason("can't handle positional and keyword arguments at the same time")
      }
      let names = arguments.named.map { (JinjaValue.plain($0.key), $0.value) }
      let values: JinjaValue =
        names.isEmpty ? .tuple(arguments.positional) : .dictionary(JinjaDictionary(uniqueKeysWithValues: names))
      return .string(try formatted(text, percent: values, escaping: value.isMarkup))
    case "string":
      _ = try arguments.bind(name, [])
      return .string(text)
    default:
      let result = try convert(value, printedAs: text.text, by: name, arguments)
      return result.derived(fromOutside: text.isFromOutside || arguments.areFromOutside)
    }
  }

  /// The other filters, of a value or of the text that it prints as.
  private func convert(
    _ value: JinjaValue, printedAs text: String, by name: String, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> JinjaValue {
    switch name {
    case "indent": return .plain(try indent(try requiredString(value, name), arguments))
    case "truncate":
      // Anything that is short enough stays what it is.
      guard value.asString != nil else {
        let values = try arguments.bind(name, ["length", "killwords", "end", "leeway"])
        let length = try JinjaValue.integer(values[0], of: name, default: 255)
        if let count = value.count, count <= length { return value }
        throw .reason("truncate() expects a string, not \(value.typeName)")
      }
      return .plain(try truncate(text, isMarkup: value.isMarkup, arguments))
    default:
      _ = try arguments.bind(name, [])
      return try applyPlain(filter: name, to: text)
    }
  }

  /// The filters without arguments.
  private func applyPlain(filter name: String, to text: String) throws(JinjaFailure) -> JinjaValue {
    switch name {
    case "upper": return .plain(text.uppercased())
    case "lower": return .plain(text.lowercased())
    case "capitalize": return .plain(text.capitalizedAsSentence)
    case "title": return .plain(titled(text))
    default: preconditionFailure("'\(name)' is listed as a filter of texts but is none")
    }
  }

  /// Words start after white space, hyphens and opening brackets.
  private func titled(_ text: String) -> String {
    var result = ""
    var startsWord = true
    for scalar in text.unicodeScalars {
      let separates = scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar)
      result += startsWord ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
      startsWord = separates
    }
    return result
  }

  private func indent(_ text: String, _ arguments: JinjaArguments) throws(JinjaFailure) -> String {
    let values = try arguments.bind("indent", ["width", "first", "blank"])
    let width = values[0]?.asString == nil ? max(0, try JinjaValue.integer(values[0], of: "indent", default: 4)) : 0
    try spend(bytes: width)
    let indentation = values[0]?.asString ?? String(repeating: " ", count: width)
    let (first, blank) = (values[1]?.isTrue ?? false, values[2]?.isTrue ?? false)
    // The text gains a line break, as in Jinja, so that lines at its end keep theirs.
    let lines = (text + "\n").lines()
    try spend(bytes: indentation.utf8.count, times: lines.count)
    try spend(bytes: text.utf8.count)
    var indented: [String] = []
    for (index, line) in lines.enumerated() {
      let indents = index == 0 ? first : blank || !line.isEmpty
      indented.append(indents ? indentation + line : line)
    }
    return indented.joined(separator: "\n")
  }

  private func truncate(
    _ text: String, isMarkup: Bool, _ arguments: JinjaArguments
  ) throws(JinjaFailure) -> String {
    let values = try arguments.bind("truncate", ["length", "killwords", "end", "leeway"])
    let length = try JinjaValue.integer(values[0], of: "truncate", default: 255)
    let ending = values[2] ?? .string("...")
    let end = isMarkup ? try escaped(ending).text : try self.text(of: ending)
    let scalars = Array(text.unicodeScalars)
    let leeway = try JinjaValue.integer(values[3], of: "truncate", default: 5)
    let endLength = try self.text(of: ending).unicodeScalars.count
    guard length >= endLength, leeway >= 0 else {
      throw .reason("truncate: expected a length of at least \(endLength) and a leeway of at least 0")
    }
    if scalars.count - length <= leeway { return text }
    let cut = String(scalars: scalars.prefix(length - endLength))
    if values[1]?.isTrue == true { return cut + end }
    return cut.parts(separatedBy: " ", limit: 1, fromRight: true)[0] + end
  }
}
