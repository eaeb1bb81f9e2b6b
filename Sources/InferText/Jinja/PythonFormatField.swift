/// `str.format`: fields `{}`, `{0}`, `{name.attribute[key]!r:spec}`.
extension JinjaEvaluator {
  /// - Parameter escaping: Whether values are escaped, unless they are markup.
  func formatted(
    _ format: JinjaString, with arguments: JinjaArguments, escaping: Bool
  ) throws(JinjaFailure) -> JinjaString {
    var nextIndex: Int? = 0
    return try formatted(format, with: arguments, escaping: escaping, nextIndex: &nextIndex, depth: 0)
  }

  /// - Parameter nextIndex: Of the next field without a name; nil once a field was numbered, which excludes those.
  private func formatted(
    _ format: JinjaString, with arguments: JinjaArguments, escaping: Bool, nextIndex: inout Int?, depth: Int
  ) throws(JinjaFailure) -> JinjaString {
    guard depth < 2 else { throw .reason("Max string recursion exceeded") }
    try spend(bytes: format.count, times: Self.formatCost)
    var output = FormattedText(format: format)
    var scalars = format.text.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard scalar == "{" || scalar == "}" else {
        output.append(scalar)
        continue
      }
      if scalars.first == scalar {
        output.append(scalars.removeFirst())
        continue
      }
      guard scalar == "{" else { throw .reason("Single '}' encountered in format string") }
      let field = try Self.field(&scalars)
      var value = try self.value(of: field.name, arguments, &nextIndex)
      let spec =
        field.spec.isEmpty
        ? JinjaString("", isFromOutside: false)
        : try formatted(
          JinjaString(field.spec, isFromOutside: format.isFromOutside), with: arguments, escaping: escaping,
          nextIndex: &nextIndex, depth: depth + 1)
      switch field.conversion {
      case nil: break
      case "s": value = .string(try printed(value))
      case "r", "a":
        try spend(on: value)
        value = .string(JinjaString(value.representation, isFromOutside: value.isFromOutside))
      case .some(let other): throw .reason("Unknown conversion specifier '\(other)'")
      }
      if escaping, value.isMarkup, !spec.text.isEmpty { throw .reason("Unsupported format specification for Markup.") }
      var text = try PythonFormatSpec(spec.text).format(value, text: try self.text(of: value))
      if escaping, !value.isMarkup { text = text.escapedForXML }
      try spend(bytes: text.utf8.count)
      let makesCharacter = spec.isFromOutside || spec.text.hasExactSuffix("c")
      output.append(text, of: value, makesCharacter: makesCharacter)
    }
    return output.finished()
  }

  /// Takes a field apart, from behind its brace to behind the closing one.
  private static func field(
    _ scalars: inout Substring.UnicodeScalarView
  ) throws(JinjaFailure) -> (name: String, conversion: String?, spec: String) {
    var (depth, body) = (1, String.UnicodeScalarView())
    while let scalar = scalars.popFirst() {
      depth += scalar == "{" ? 1 : scalar == "}" ? -1 : 0
      if depth == 0 { break }
      body.append(scalar)
    }
    guard depth == 0 else { throw .reason("expected '}' before end of string") }
    let parts = String(body).parts(separatedBy: ":", limit: 1)
    let names = parts[0].parts(separatedBy: "!", limit: 1)
    return (names[0], names.count == 2 ? names[1] : nil, parts.count == 2 ? parts[1] : "")
  }

  /// The value that `name.attribute[key]` names.
  private func value(
    of path: String, _ arguments: JinjaArguments, _ nextIndex: inout Int?
  ) throws(JinjaFailure) -> JinjaValue {
    var scalars = path.unicodeScalars[...]
    let name = String(scalars.prefix { $0 != "." && $0 != "[" })
    scalars = scalars.dropFirst(name.unicodeScalars.count)
    var value = try argument(name, arguments, &nextIndex)
    while let symbol = scalars.popFirst() {
      let step: String
      if symbol == "[" {
        step = String(scalars.prefix { $0 != "]" })
        scalars = scalars.dropFirst(step.unicodeScalars.count)
        guard scalars.popFirst() == "]", !step.isEmpty else { throw .reason("Missing ']' in format string") }
        value = try element(Int(step).map(JinjaValue.integer) ?? .plain(step), of: value)
      } else {
        guard symbol == "." else { throw .reason("Only '.' or '[' may follow ']' in format field specifier") }
        step = String(scalars.prefix { $0 != "." && $0 != "[" })
        scalars = scalars.dropFirst(step.unicodeScalars.count)
        guard !step.isEmpty else { throw .reason("Empty attribute in format string") }
        value = try attribute(step, of: value)
      }
    }
    return value
  }

  private func argument(
    _ name: String, _ arguments: JinjaArguments, _ nextIndex: inout Int?
  ) throws(JinjaFailure) -> JinjaValue {
    var position: Int?
    if name.isEmpty {
      guard let next = nextIndex else {
        throw .reason("cannot switch from manual field specification to automatic field numbering")
      }
      (position, nextIndex) = (next, next + 1)
    } else if let number = Int(name) {
      if let next = nextIndex, next > 0 {
        throw .reason("cannot switch from automatic field numbering to manual field specification")
      }
      (position, nextIndex) = (number, nil)
    }
    guard let position else {
      guard let value = arguments.named[name] else { throw .reason("format has no argument '\(name)'") }
      return value
    }
    guard arguments.positional.indices.contains(position) else {
      throw .reason("Replacement index \(position) out of range for positional args tuple")
    }
    return arguments.positional[position]
  }
}
