// Keywords about kinds, constants, numbers and strings.
extension SchemaCompiler {
  mutating func types(_ schema: JSONObject, _ path: String) throws(SchemaError) -> Formula {
    guard let value = schema["type"] else { return .always }
    var names = value.array ?? [value]
    if schema["nullable"]?.bool == true { names.append("null") }
    var parts: [Formula] = []
    for name in names {
      switch name.string {
      case "null": parts.append(pool.leaf(.kinds(.null)))
      case "boolean": parts.append(pool.leaf(.kinds(.boolean)))
      case "number": parts.append(pool.leaf(.kinds(.number)))
      case "integer":
        let integers = draft(at: path).isBefore6 ? NumberRule.plainIntegers : .integers
        parts.append(pool.all([pool.leaf(.kinds(.number)), pool.leaf(.number(integers))]))
      case "string": parts.append(pool.leaf(.kinds(.string)))
      case "array": parts.append(pool.leaf(.kinds(.array)))
      case "object": parts.append(pool.leaf(.kinds(.object)))
      case let name: throw SchemaError(path: path, reason: "type: \(name ?? "something else than a name") is no type")
      }
    }
    return pool.any(parts)
  }

  /// The value is one of some, each of which stands at a place.
  mutating func oneOf(_ values: [(value: JSONValue, path: String)]) throws(SchemaError) -> Formula {
    var (strings, numbers, parts) = ([[UInt8]](), Set<ExactDecimal>(), [Formula]())
    for (value, path) in values {
      switch value {
      case .null: parts.append(pool.leaf(.kinds(.null)))
      case .bool(let value): parts.append(pool.all([pool.leaf(.kinds(.boolean)), pool.leaf(.boolean(value))]))
      case .string(let text): strings.append(Array(text.utf8))
      case .integer, .largeInteger, .number:
        numbers.insert(try decimal(value, "the number", path))
      case .array, .object:
        // As a schema that nothing else is valid against. It is not at that place: a reference may read the value as one.
        let (schema, place) = (Self.schema(ofConstant: value), "\(path) (the constant)")
        // It is written in words of all drafts.
        resources[place] = Resource(uri: URIReference(""), value: schema, path: place, draft: nil)
        parts.append(try formula(of: schema, place))
      }
    }
    constants.formUnion(strings)
    if !strings.isEmpty {
      let language = automaton.pool.union(ofTexts: strings)
      parts.append(pool.all([pool.leaf(.kinds(.string)), pool.leaf(.string(language))]))
    }
    if !numbers.isEmpty {
      parts.append(pool.all([pool.leaf(.kinds(.number)), pool.leaf(.number(NumberRule(values: numbers)))]))
    }
    return pool.any(parts)
  }

  static func schema(ofConstant value: JSONValue) -> JSONValue {
    if let elements = value.array {
      return [
        "type": "array", "prefixItems": .array(elements.map { ["const": $0] }), "items": false,
        "minItems": .integer(elements.count),
      ]
    }
    let members = value.object ?? JSONObject()
    return [
      "type": "object", "required": .array(members.keys.map(JSONValue.string)), "additionalProperties": false,
      "properties": .object(
        JSONObject(uniqueKeysWithValues: zip(members.keys, members.values).map { ($0, ["const": $1]) })),
    ]
  }

  mutating func numbers(_ schema: JSONObject, _ path: String) throws(SchemaError) -> Formula {
    func decimal(_ keyword: String) throws(SchemaError) -> ExactDecimal? {
      guard let value = schema[keyword] else { return nil }
      return try self.decimal(value, keyword, path)
    }
    var rules: [NumberRule] = []
    // Draft 4 has exclusive bounds as booleans.
    for (keyword, exclusive, isLeast) in [
      ("minimum", "exclusiveMinimum", true), ("maximum", "exclusiveMaximum", false),
    ] {
      let isExclusive = schema[exclusive]?.bool
      if let value = try decimal(keyword) {
        let bound = NumberRule.Bound(value: value, isExclusive: isExclusive ?? false)
        rules.append(isLeast ? NumberRule(least: bound) : NumberRule(most: bound))
      }
      if isExclusive == nil, let value = try decimal(exclusive) {
        let bound = NumberRule.Bound(value: value, isExclusive: true)
        rules.append(isLeast ? NumberRule(least: bound) : NumberRule(most: bound))
      }
    }
    if let unit = try decimal("multipleOf") {
      guard ExactDecimal.zero < unit, unit.integerDigits != nil else {
        throw SchemaError(path: path, reason: "multipleOf must be positive and of at most 18 digits")
      }
      rules.append(NumberRule(units: [unit]))
    }
    if rules.reduce(NumberRule(), { $0.intersection($1) }).isEmpty {
      let keywords = ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"]
      let named = keywords.filter { schema.contains(key: $0) }.joined(separator: " and ")
      throw SchemaError(path: path, reason: "\(named) contradict each other: no number is valid")
    }
    return pool.all(rules.map { pool.leaf(.number($0)) })
  }

  /// A number of the schema, which texts can have.
  private func decimal(_ value: JSONValue, _ name: String, _ path: String) throws(SchemaError) -> ExactDecimal {
    guard let number = ExactDecimal(value), number.isHeld else {
      let limits = "\(ExactDecimal.maxDigits) digits and \(JSONMachine.maxExponent) powers of ten"
      throw SchemaError(path: path, reason: "\(name) is beyond the numbers that are held, of \(limits)")
    }
    return number
  }

  mutating func strings(_ schema: JSONObject, _ path: String) throws(SchemaError) -> Formula {
    var languages: [Expression] = []
    let lengths = try range(schema, "minLength", "maxLength", path)
    if lengths != 0...Int.max {
      let one = automaton.pool.character(of: .all)
      languages.append(
        automaton.pool.repetition(
          one, least: lengths.lowerBound, most: lengths.upperBound == .max ? nil : lengths.upperBound))
    }
    if let pattern = schema["pattern"]?.string { languages.append(try search(pattern, path, "pattern")) }
    if let format = schema["format"]?.string, let language = StringFormats.language(format, &automaton.pool) {
      languages.append(language)
    }
    return pool.leaf(.string(automaton.pool.boundedIntersection(languages)))
  }

  mutating func search(_ pattern: String, _ path: String, _ keyword: String) throws(SchemaError) -> Expression {
    do {
      return try automaton.pool.search(pattern)
    } catch {
      throw SchemaError(path: path, reason: "\(keyword) \(pattern): \(error)")
    }
  }

  /// The language of a formula about strings.
  mutating func language(_ formula: Formula) -> Expression {
    switch pool[formula] {
    case .constant(let value): return value ? .everything : .nothing
    case .leaf(.string(let language)): return language
    case .leaf: return .everything
    case .not(let inner): return automaton.pool.complement(language(inner))
    case .all(let parts): return automaton.pool.intersection(parts.map { language($0) })
    case .any(let parts): return automaton.pool.union(parts.map { language($0) })
    case .exactlyOne(let parts):
      let languages = parts.map { language($0) }
      var ways: [Expression] = []
      for index in languages.indices {
        let others = languages.indices.filter { $0 != index }.map { automaton.pool.complement(languages[$0]) }
        ways.append(automaton.pool.intersection([languages[index]] + others))
      }
      return automaton.pool.union(ways)
    }
  }
}
