/// The members and elements that keywords of a schema evaluate, in the sense of `unevaluatedProperties` and
/// `unevaluatedItems`: each with the statement about a valid value that it is so of.
struct SchemaEvaluations {
  /// Members by name.
  var names = Conditions<JSONName>()
  /// Members whose names are in a language.
  var languages = Conditions<Expression>()
  /// The first elements, by their number.
  var lengths = Conditions<Int>()
  /// Elements that are valid against the schema of a number.
  var contained = Conditions<Int>()

  /// Adds what another schema of the same value evaluates where a statement is true.
  mutating func add(_ other: SchemaEvaluations, when condition: Formula = .always, _ pool: inout FormulaPool) {
    names.add(other.names, when: condition, &pool)
    languages.add(other.languages, when: condition, &pool)
    lengths.add(other.lengths, when: condition, &pool)
    contained.add(other.contained, when: condition, &pool)
  }

  /// Members or elements of one description, each with the statement under which they are evaluated.
  struct Conditions<Part: Hashable> {
    private var parts: [Part] = []
    private var formulas: [Part: Formula] = [:]

    mutating func add(_ part: Part, when condition: Formula = .always, _ pool: inout FormulaPool) {
      if formulas[part] == nil { parts.append(part) }
      formulas[part] = pool.any([formulas[part] ?? .never, condition])
    }

    mutating func add(_ other: Self, when condition: Formula, _ pool: inout FormulaPool) {
      for part in other.parts {
        add(part, when: pool.all([condition, other.formulas[part] ?? .never]), &pool)
      }
    }

    /// The parts and their statements about values of one kind, but for those that are never evaluated.
    func entries(of kind: JSONKinds, _ pool: inout FormulaPool) -> [(part: Part, condition: Formula)] {
      parts.map { ($0, pool.restricted(formulas[$0] ?? .never, to: kind)) }.filter { $0.1 != .never }
    }
  }
}

extension SchemaCompiler {
  /// The members and elements that a schema evaluates of a value which is valid against it.
  mutating func evaluations(of number: Int) throws(SchemaError) -> SchemaEvaluations {
    if let known = knownEvaluations[number] { return known }
    let (value, path) = source(of: number)
    var result = SchemaEvaluations()
    if let schema = value.object {
      result = try evaluations(schema, path)
      if schema.contains(key: "unevaluatedProperties") { result.languages.add(.everything, &pool) }
      if schema.contains(key: "unevaluatedItems") { result.lengths.add(.max, &pool) }
    }
    knownEvaluations[number] = result
    return result
  }

  /// The members and elements that all keywords of a schema evaluate but `unevaluatedProperties` and `unevaluatedItems`.
  mutating func evaluations(_ schema: JSONObject, _ path: String) throws(SchemaError) -> SchemaEvaluations {
    var result = SchemaEvaluations()
    if let reference = schema["$ref"]?.string {
      result = try evaluations(of: target(of: reference, path))
    }
    try addMembers(schema, path, to: &result)
    addElements(schema, path, to: &result)
    for keyword in ["allOf", "anyOf", "oneOf"] {
      for (index, value) in (schema[keyword]?.array ?? []).enumerated() {
        let branch = number(of: value, "\(path)/\(keyword)/\(index)")
        let condition = keyword == "allOf" ? .always : try formula(of: branch)
        result.add(try evaluations(of: branch), when: condition, &pool)
      }
    }
    if let value = schema["if"] {
      let condition = number(of: value, path + "/if")
      let isTrue = try formula(of: condition)
      result.add(try evaluations(of: condition), when: isTrue, &pool)
      for (keyword, isBranch) in [("then", isTrue), ("else", pool.not(isTrue))] {
        guard let branch = schema[keyword] else { continue }
        result.add(try evaluations(of: number(of: branch, "\(path)/\(keyword)")), when: isBranch, &pool)
      }
    }
    for keyword in ["dependentSchemas", "dependencies"] {
      guard let members = schema[keyword]?.object else { continue }
      for (name, value) in zip(members.keys, members.values) where value.object != nil {
        let branch = number(of: value, "\(path)/\(keyword)/\(Self.escaped(name))")
        // A value that is no object has no member that it depends on.
        let isThere = pool.all([pool.leaf(.kinds(.object)), pool.leaf(.member(JSONName(name)))])
        result.add(try evaluations(of: branch), when: isThere, &pool)
      }
    }
    return result
  }

  private mutating func addMembers(
    _ schema: JSONObject, _ path: String, to result: inout SchemaEvaluations
  ) throws(SchemaError) {
    for name in schema["properties"]?.object?.keys ?? [] { result.names.add(JSONName(name), &pool) }
    for pattern in schema["patternProperties"]?.object?.keys ?? [] {
      result.languages.add(try search(pattern, path, "patternProperties"), &pool)
    }
    if schema.contains(key: "additionalProperties") { result.languages.add(.everything, &pool) }
  }

  private mutating func addElements(_ schema: JSONObject, _ path: String, to result: inout SchemaEvaluations) {
    let first = schema["items"]?.array ?? schema["prefixItems"]?.array ?? []
    if !first.isEmpty { result.lengths.add(first.count, &pool) }
    let others = schema["items"]?.array != nil ? "additionalItems" : "items"
    if schema.contains(key: others) { result.lengths.add(.max, &pool) }
    // A statement of draft 2020-12 alone.
    if let value = schema["contains"], draft(at: path) != .draft2019 {
      result.contained.add(number(of: value, path + "/contains"), &pool)
    }
  }
}
