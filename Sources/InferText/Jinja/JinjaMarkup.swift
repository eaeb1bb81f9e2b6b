/// Markup: text that `escape` leaves as it is, because it has been escaped. Most of what is made of markup is markup as
/// well, and what is put into it is escaped. As in Python's MarkupSafe.
extension JinjaValue {
  var isMarkup: Bool {
    if case .markup = self { return true }
    return false
  }

  /// A string, or the strings in a list or tuple, as markup; any other value as it is.
  var asMarkup: JinjaValue {
    switch self {
    case .string(let text): .markup(text)
    case .list(let elements): .list(elements.map(\.asMarkup))
    case .tuple(let elements): .tuple(elements.map(\.asMarkup))
    default: self
    }
  }
}

extension JinjaEvaluator {
  /// The filters that make markup of markup.
  static let markupFilters: Set<String> = [
    "capitalize", "format", "indent", "lower", "string", "trim", "truncate", "upper",
  ]

  /// The text of a value with the characters that mean something in XML as entities.
  func escaped(_ value: JinjaValue) throws(JinjaFailure) -> JinjaString {
    let text = try printed(value)
    return value.isMarkup ? text : JinjaString(text.text.escapedForXML, isFromOutside: text.isFromOutside)
  }

  /// A method of markup.
  func call(_ name: String, ofMarkup text: JinjaString, _ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaValue
  {
    var arguments = arguments
    switch name {
    case "join":
      var items: [JinjaValue] = []
      for item in try arguments.bind(name, ["iterable"], required: 1)[0]?.elements() ?? [] {
        items.append(.string(try escaped(item)))
      }
      arguments.positional = [.list(items)]
    case "center", "ljust", "replace", "rjust":
      // What is put in comes second.
      if arguments.positional.count > 1 { arguments.positional[1] = .string(try escaped(arguments.positional[1])) }
    case "format", "format_map":
      return .markup(try formatted(text, with: try formatArguments(name, arguments), escaping: true))
    default: break
    }
    return try call(name, of: text, arguments).asMarkup
  }
}

extension String {
  /// With the characters that mean something in XML as entities.
  var escapedForXML: String {
    var escaped = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "'": escaped += "&#39;"
      case "\"": escaped += "&#34;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
