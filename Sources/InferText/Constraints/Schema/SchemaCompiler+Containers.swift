import OrderedCollections

// Keywords about arrays and objects.
extension SchemaCompiler {
  mutating func arrays(_ schema: JSONObject, _ path: String) throws(SchemaError) -> Formula {
    var parts = [pool.leaf(.elementCount(try range(schema, "minItems", "maxItems", path)))]
    var rule = ElementRule(first: [], others: Self.anything)
    let items = schema["items"]
    // Older drafts have the first elements' schemas in `items`, and the others' in `additionalItems`.
    let firstKeyword = items?.array != nil ? "items" : "prefixItems"
    if let first = schema[firstKeyword]?.array {
      rule.first = first.enumerated().map { number(of: $1, "\(path)/\(firstKeyword)/\($0)") }
    }
    let othersKeyword = items?.array != nil ? "additionalItems" : "items"
    if let others = schema[othersKeyword] { rule.others = number(of: others, "\(path)/\(othersKeyword)") }
    parts.append(self.rule(rule))
    let range = try range(schema, "minContains", "maxContains", path)
    if let contained = schema["contains"] {
      let least = schema.contains(key: "minContains") ? range.lowerBound : 1
      let formula =
        least <= range.upperBound
        ? pool.leaf(.contains(number(of: contained, path + "/contains"), least...range.upperBound))
        : pool.not(pool.leaf(.kinds(.array)))
      parts.append(formula)
    }
    if schema["uniqueItems"]?.bool == true { parts.append(pool.leaf(.uniqueElements)) }
    return pool.all(parts)
  }

  mutating func objects(_ schema: JSONObject, _ path: String) throws(SchemaError) -> Formula {
    var parts = [pool.leaf(.memberCount(try range(schema, "minProperties", "maxProperties", path)))]
    var rule = MemberRule(named: [:], patterns: [], others: Self.anything)
    if let members = schema["properties"]?.object {
      for (name, value) in zip(members.keys, members.values) {
        rule.named[JSONName(name)] = number(of: value, "\(path)/properties/\(Self.escaped(name))")
      }
    }
    if let members = schema["patternProperties"]?.object {
      for (pattern, value) in zip(members.keys, members.values) {
        let names = try search(pattern, path, "patternProperties")
        let schema = number(of: value, "\(path)/patternProperties/\(Self.escaped(pattern))")
        rule.patterns.append(MemberRule.Pattern(names: names, schema: schema))
      }
    }
    if let others = schema["additionalProperties"] { rule.others = number(of: others, path + "/additionalProperties") }
    parts.append(self.rule(rule))
    for name in (schema["required"]?.array ?? []).compactMap(\.string) {
      parts.append(pool.leaf(.member(JSONName(name))))
    }
    if let names = schema["propertyNames"] {
      let formula = pool.restricted(try formula(of: names, path + "/propertyNames"), to: .string)
      parts.append(pool.leaf(.memberNames(language(formula))))
    }
    for keyword in ["dependentRequired", "dependentSchemas", "dependencies"] {
      guard let members = schema[keyword]?.object else { continue }
      for (name, value) in zip(members.keys, members.values) {
        var needed: Formula
        if let names = value.array {
          needed = pool.all(names.compactMap(\.string).map { pool.leaf(.member(JSONName($0))) })
        } else if let name = value.string {
          needed = pool.leaf(.member(JSONName(name)))
        } else {
          needed = try formula(of: value, "\(path)/\(keyword)/\(Self.escaped(name))")
        }
        needed = pool.any([pool.not(pool.leaf(.member(JSONName(name)))), needed])
        // Both are about objects alone.
        parts.append(pool.any([pool.not(pool.leaf(.kinds(.object))), needed]))
      }
    }
    return pool.all(parts)
  }

  /// A number of things that a keyword gives; `nil` when it is absent.
  func count(_ schema: JSONObject, _ keyword: String, _ path: String) throws(SchemaError) -> Int? {
    guard let value = schema[keyword] else { return nil }
    if let count = value.int, count >= 0 { return count }
    // More than there can be.
    if case .largeInteger(let number) = value, !number.isNegative { return .max }
    throw SchemaError(path: path, reason: "\(keyword) must be a whole number that is not negative")
  }

  /// A range that two keywords give.
  func range(
    _ schema: JSONObject, _ least: String, _ most: String, _ path: String
  ) throws(SchemaError) -> ClosedRange<Int> {
    let low = try count(schema, least, path) ?? 0
    let high = try count(schema, most, path) ?? .max
    guard low <= high else {
      throw SchemaError(path: path, reason: "\(least) of \(low) is more than \(most) of \(high): nothing is valid")
    }
    return low...high
  }
}
