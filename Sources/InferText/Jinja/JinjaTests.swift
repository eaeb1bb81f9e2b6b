/// The tests behind `is`.
extension JinjaEvaluator {
  func test(_ name: String, _ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaFailure) -> Bool {
    if let comparison = Self.comparisons[name] {
      let other = try arguments.bind(name, ["other"], required: 1)[0] ?? .none
      return try compare(comparison, value, other)
    }
    switch name {
    case "divisibleby":
      let divisor = try arguments.bind(name, ["num"], required: 1)[0] ?? .none
      return try compute(.modulo, value, divisor).asNumber == 0
    case "sameas":
      let other = try arguments.bind(name, ["other"], required: 1)[0] ?? .none
      guard value.typeName == other.typeName else { return false }
      return try compare(.equal, value, other)
    default:
      _ = try arguments.bind(name, [])
      return try test(name, value)
    }
  }

  private static let comparisons: [String: JinjaComparison] = [
    "eq": .equal, "equalto": .equal, "==": .equal, "ne": .notEqual, "!=": .notEqual, "lt": .less, "lessthan": .less,
    "<": .less, "le": .lessOrEqual, "<=": .lessOrEqual, "gt": .greater, "greaterthan": .greater, ">": .greater,
    "ge": .greaterOrEqual, ">=": .greaterOrEqual, "in": .isIn,
  ]

  static let testNames = Set(comparisons.keys).union([
    "boolean", "callable", "defined", "divisibleby", "escaped", "even", "false", "filter", "float", "integer",
    "iterable", "lower", "mapping", "none", "number", "odd", "sameas", "sequence", "string", "test", "true",
    "undefined", "upper",
  ])

  private func isName(_ value: JinjaValue, in names: Set<String>) throws(JinjaFailure) -> Bool {
    try key(value).asString.map(names.contains) ?? false
  }

  /// The tests without arguments.
  private func test(_ name: String, _ value: JinjaValue) throws(JinjaFailure) -> Bool {
    switch (name, value) {
    case ("defined", _): return !value.isUndefined
    case ("undefined", _): return value.isUndefined
    case ("none", .none): return true
    case ("boolean", .bool): return true
    case ("true", .bool(let value)): return value
    case ("false", .bool(let value)): return !value
    case ("integer", .integer), ("integer", .largeInteger): return true
    case ("float", .number): return true
    case ("number", .integer), ("number", .largeInteger), ("number", .number), ("number", .bool): return true
    case ("string", .string), ("string", .markup): return true
    case ("mapping", .dictionary): return true
    case ("iterable", _): return value.isIterable
    case ("sequence", .view(let view, _)): return view.typeName == "range"
    case ("sequence", _): return try length(of: value) != nil
    case ("callable", .macro), ("callable", .function), ("callable", .method), ("callable", .undefined),
      ("callable", .loop):
      return true
    case ("lower", _), ("upper", _): return try call("is" + name, of: try printed(value), JinjaArguments()).isTrue
    case ("odd", _), ("even", _):
      return try compute(.modulo, value, .integer(2)) == .integer(name == "odd" ? 1 : 0)
    case ("test", _): return try isName(value, in: Self.testNames)
    case ("filter", _): return try isName(value, in: Self.filterNames)
    case ("escaped", _): return value.isMarkup
    case ("none", _), ("boolean", _), ("true", _), ("false", _), ("integer", _), ("float", _), ("number", _),
      ("string", _),
      ("mapping", _), ("callable", _):
      return false
    default: throw .reason("no test named '\(name)'")
    }
  }
}
