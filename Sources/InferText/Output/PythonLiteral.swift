/// Python's literals as JSON: strings, numbers, `True`, `False`, `None` (and their names in JSON), lists, tuples and
/// dictionaries with strings for keys.
enum PythonLiteral {
  /// The value that a text is, or `nil` when it is none.
  static func json(_ text: String) -> JSONValue? {
    // A template's expressions have the same literals, and JSON's names for constants too.
    guard let statements = try? JinjaParser.parse("{{ \(text) }}").statements, statements.count == 1,
      case .output(let expression) = statements[0].kind
    else { return nil }
    return value(of: expression)
  }

  private static func value(of expression: JinjaExpression) -> JSONValue? {
    switch expression.kind {
    case .literal(let value): return try? value.json()
    case .name("null"): return .null
    case .negative(let operand):
      return value(of: operand)?.negated
    case .list(let elements), .tuple(let elements):
      let values = elements.compactMap(value)
      return values.count == elements.count ? .array(values) : nil
    case .dictionary(let pairs):
      var members: JSONObject = [:]
      for pair in pairs {
        guard case .string(let key)? = value(of: pair.key), let value = value(of: pair.value) else { return nil }
        members[key] = value
      }
      return .object(members)
    default: return nil
    }
  }
}
