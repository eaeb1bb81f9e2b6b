/// The types of parameters, from the tools of a request.
struct ToolSchemas: Sendable {
  /// Types by parameter by function. Parameters that no schema speaks of are not there: they are strings.
  private var types: TextDictionary<TextDictionary<JSONTypes>> = [:]
  /// The names of the functions; empty where no tools are known.
  private var names: Set<ExactText> = []

  /// - Parameter tools: As in a request: an array of objects with a `function` that has a `name` and, as a JSON schema,
  ///   `parameters`; functions by themselves are understood as well, and everything else is passed over.
  init(_ tools: JSONValue?) {
    var budget = SchemaReader.budget
    for tool in tools?.array ?? [] {
      let function = tool["function"] ?? tool
      guard let name = function["name"]?.string else { continue }
      names.insert(ExactText(name))
      guard let schema = function["parameters"] else { continue }
      let reader = SchemaReader(root: schema)
      types[name] = (schema["properties"]?.object ?? [:]).reduce(into: [:]) { types, property in
        types[property.key] = reader.types(of: property.value, &budget) ?? .all
      }
    }
  }

  /// `true` for a function that is among the tools, and for any where there are none.
  func offers(_ function: String) -> Bool { names.isEmpty || names.contains(function) }

  /// `true` where a function among the tools has a name that begins so, and where there are none.
  func offersAny(beginningWith bytes: [UInt8]) -> Bool {
    names.isEmpty || names.contains { $0.string.utf8.starts(with: bytes) }
  }

  /// Whether a parameter is a string and nothing else.
  func isText(_ key: String, of function: String) -> Bool { allowed(key, of: function) == .string }

  /// The value that a text stands for: what it says as JSON, or as Python writes it, if the parameter may be of that
  /// type, otherwise the text.
  func value(_ text: String, for key: String, of function: String) -> JSONValue {
    let allowed = allowed(key, of: function)
    let stripped = text.stripped()
    guard let value = (try? JSONValue(parsing: stripped)) ?? PythonLiteral.json(stripped) else { return .string(text) }
    let fits = allowed.contains(JSONTypes(of: value))
    switch value {
    // A string in quotes may well mean its quotes.
    case .string: return .string(text)
    // A number without fraction may be written with one.
    case .number where !fits && allowed.contains(.integer) && value.int != nil:
      return value.int.map(JSONValue.integer) ?? value
    case _ where !fits && allowed.contains(.string): return .string(text)
    default: return value
    }
  }

  private func allowed(_ key: String, of function: String) -> JSONTypes { types[function]?[key] ?? .string }
}

/// Types of JSON values.
struct JSONTypes: OptionSet, Sendable {
  let rawValue: UInt8

  static let null = JSONTypes(rawValue: 1)
  static let boolean = JSONTypes(rawValue: 2)
  static let integer = JSONTypes(rawValue: 4)
  /// Integers are numbers as well.
  static let number = JSONTypes(rawValue: 8 + 4)
  static let string = JSONTypes(rawValue: 16)
  static let array = JSONTypes(rawValue: 32)
  static let object = JSONTypes(rawValue: 64)
  static let all: JSONTypes = [.null, .boolean, .number, .string, .array, .object]

  init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The types that a schema's `type` names, in JSON Schema's words or in Python's; other names are passed over.
  init(names: [String]) { self = JSONTypes(names.compactMap { Self.names[$0] }) }

  private static let names: [String: JSONTypes] = [
    "null": .null, "boolean": .boolean, "integer": .integer, "number": .number, "string": .string, "array": .array,
    "object": .object, "bool": .boolean, "int": .integer, "float": .number, "str": .string, "list": .array,
    "tuple": .array, "dict": .object,
  ]

  /// The type of a value.
  init(of value: JSONValue) {
    self =
      switch value {
      case .null: .null
      case .bool: .boolean
      case .integer, .largeInteger: .integer
      case .number: .number
      case .string: .string
      case .array: .array
      case .object: .object
      }
  }
}

/// Finds the types that the parts of one JSON schema allow.
private struct SchemaReader {
  /// How many schemas are looked at for all tools together: unions of references can describe far more than they have
  /// bytes.
  static let budget = 100_000
  /// Schemas inside of each other: references can go in circles.
  private static let maximumDepth = 32

  let root: JSONValue

  /// The types that a schema allows; `nil` when it does not say.
  func types(of schema: JSONValue, _ budget: inout Int, depth: Int = 0) -> JSONTypes? {
    guard budget > 0, depth < Self.maximumDepth else { return nil }
    budget -= 1
    if let reference = schema["$ref"]?.string {
      return target(of: reference).flatMap { types(of: $0, &budget, depth: depth + 1) }
    }
    if let name = schema["type"]?.string { return known(JSONTypes(names: [name])) }
    if let names = schema["type"]?.array { return known(JSONTypes(names: names.compactMap(\.string))) }
    if let values = schema["enum"]?.array ?? schema["const"].map({ [$0] }) {
      return known(JSONTypes(values.map { JSONTypes(of: $0) }))
    }
    for key in ["anyOf", "oneOf"] {
      guard let choices = schema[key]?.array else { continue }
      // One that may be anything makes the union anything.
      return known(choices.reduce(into: JSONTypes()) { $0.formUnion(types(of: $1, &budget, depth: depth + 1) ?? .all) })
    }
    return schema["allOf"]?.array.flatMap { parts in
      known(
        parts.reduce(into: JSONTypes.all) { $0.formIntersection(types(of: $1, &budget, depth: depth + 1) ?? .all) })
    }
  }

  private func known(_ types: JSONTypes) -> JSONTypes? { types.isEmpty || types == .all ? nil : types }

  /// The value that a JSON pointer into the root points at, as in `#/$defs/Place`.
  private func target(of reference: String) -> JSONValue? {
    let steps = reference.parts(separatedBy: "/")
    guard steps.first == "#" else { return nil }
    return steps.dropFirst().reduce(Optional(root)) { value, step in
      value?[step.replacing("~1", with: "/", limit: .max).replacing("~0", with: "~", limit: .max)]
    }
  }
}
