import OrderedCollections

/// What the tools of a request say of the types of their parameters.
struct ToolSchemas: Sendable {
  /// Types by parameter by function; a parameter that is not there may be anything.
  private var types: [String: [String: Set<String>]] = [:]

  /// - Parameter tools: As in a request: an array of objects with a `function` that has a `name` and, as a JSON schema,
  ///   `parameters`; functions by themselves are understood as well, and everything else is passed over.
  init(_ tools: JSONValue?) {
    for tool in tools?.array ?? [] {
      let function = tool["function"] ?? tool
      guard let name = function["name"]?.string else { continue }
      var parameters: [String: Set<String>] = [:]
      for (key, schema) in function["parameters"]?["properties"]?.object ?? [:] {
        let types = Self.types(of: schema)
        if !types.isEmpty { parameters[key] = types }
      }
      types[name] = parameters
    }
  }

  /// Whether a parameter is a string and nothing else; parameters that nobody has described are.
  func isText(_ key: String, of function: String) -> Bool { (types[function]?[key] ?? ["string"]) == ["string"] }

  /// The value that a text stands for: what it says as JSON (or as Python says `True`, `False` and `None`) if the
  /// parameter may be of that type, otherwise the text.
  func value(_ text: String, for key: String, of function: String) -> JSONValue {
    let allowed = types[function]?[key] ?? ["string"]
    let stripped = text.stripped()
    let names: [String: JSONValue] = ["True": true, "False": false, "None": .null]
    guard let value = names[stripped] ?? (try? JSONValue(parsing: stripped)) else { return .string(text) }
    let type =
      switch value {
      case .null: "null"
      case .bool: "boolean"
      case .integer: "integer"
      case .number: "number"
      case .string: "string"
      case .array: "array"
      case .object: "object"
      }
    let fits = allowed.contains(type) || (type == "integer" && allowed.contains("number"))
    // A string in quotes may well mean its quotes, and a number without fraction may be written with one.
    if type == "string" || (!fits && allowed.contains("string")) { return .string(text) }
    if type == "number", !fits, allowed.contains("integer"), let integer = value.int { return .integer(integer) }
    return value
  }

  /// The types that a schema allows, as far as it names them.
  private static func types(of schema: JSONValue) -> Set<String> {
    if let name = schema["type"]?.string { return [name] }
    if let names = schema["type"]?.array { return Set(names.compactMap(\.string)) }
    for key in ["anyOf", "oneOf"] {
      if let choices = schema[key]?.array { return choices.reduce(into: []) { $0.formUnion(types(of: $1)) } }
    }
    let values = schema["enum"]?.array ?? []
    return !values.isEmpty && values.allSatisfy { $0.string != nil } ? ["string"] : []
  }
}
