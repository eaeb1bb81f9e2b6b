extension JSONValue {
  /// The schema with `additionalProperties` of `false` beside each `properties` and `patternProperties` that stand without it,
  /// but in `not` and `if`, where that would let more values be valid.
  ///
  /// - Complexity: O(schema). Schemas deeper in each other than ``SchemaCompiler`` takes are left as they are.
  package var withClosedObjects: JSONValue { closingObjects(depth: 0) }

  private func closingObjects(depth: Int) -> JSONValue {
    guard depth < 200, let members = object else { return self }
    var closed = members
    for (keyword, value) in zip(members.keys, members.values) where !["not", "if"].containsExactly(keyword) {
      if SchemaKeywords.ofSchemas.contains(keyword) {
        closed[keyword] =
          value.array.map { .array($0.map { $0.closingObjects(depth: depth + 1) }) }
          ?? value.closingObjects(depth: depth + 1)
      } else if SchemaKeywords.ofNamedSchemas.contains(keyword), let named = value.object {
        closed[keyword] = .object(
          JSONObject(
            uniqueKeysWithValues: zip(named.keys, named.values).map { ($0, $1.closingObjects(depth: depth + 1)) }))
      }
    }
    let isOpen = ["properties", "patternProperties"].contains { members.contains(key: $0) }
    if isOpen, !members.contains(key: "additionalProperties") { closed["additionalProperties"] = false }
    return .object(closed)
  }
}
