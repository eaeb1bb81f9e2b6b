// The errors of schemas that nothing is valid against.
extension JSONMachine {
  /// The error of a schema that nothing is valid against: it names the innermost place at fault, and what stands there.
  mutating func contradiction(of schema: Int) -> SchemaError {
    var (value, path) = compiler.source(of: schema)
    var passed: Set<ExactText> = []
    while passed.insert(path), let part = impossiblePart(of: value, path) { (value, path) = part }
    let keywords = (value.object?.keys ?? []).filter { !Self.annotations.containsExactly($0) }
    guard let last = keywords.last, keywords.count > 1 else {
      return SchemaError(path: path, reason: "nothing is valid against \(keywords.first ?? value.serialized())")
    }
    let names = keywords.dropLast().joined(separator: ", ") + " and " + last
    return SchemaError(path: path, reason: "nothing is valid against \(names) together")
  }

  private static let annotations = [
    "$schema", "$id", "id", "$comment", "$defs", "definitions", "$anchor", "title", "description", "default",
    "examples", "deprecated", "readOnly", "writeOnly",
  ]

  /// A schema within a schema that every value needs, and that nothing is valid against.
  private mutating func impossiblePart(of value: JSONValue, _ path: String) -> (value: JSONValue, path: String)? {
    for part in neededParts(of: value, path) {
      let number = compiler.number(of: part.value, part.path)
      // Those that nothing led to were not read.
      guard (try? compiler.formula(of: number)) != nil else { continue }
      if !isPossible(schema: number) { return part }
    }
    return nil
  }

  /// The schemas within a schema without which no value is valid, and where they stand.
  private mutating func neededParts(of value: JSONValue, _ path: String) -> [(value: JSONValue, path: String)] {
    var parts: [(value: JSONValue, path: String)] = []
    if let reference = value["$ref"]?.string, let target = try? compiler.target(of: reference, path) {
      parts.append(compiler.source(of: target))
    }
    for (index, part) in (value["allOf"]?.array ?? []).enumerated() { parts.append((part, "\(path)/allOf/\(index)")) }
    for name in (value["required"]?.array ?? []).compactMap(\.string) {
      guard let part = value["properties"]?[name] else { continue }
      parts.append((part, path + "/properties/" + SchemaCompiler.escaped(name)))
    }
    guard let least = value["minItems"]?.int, least > 0 else { return parts }
    let first = value["prefixItems"]?.array ?? value["items"]?.array ?? []
    let keyword = value["prefixItems"] == nil ? "items" : "prefixItems"
    for (index, part) in first.enumerated().prefix(least) { parts.append((part, "\(path)/\(keyword)/\(index)")) }
    if first.count < least, let part = value["items"], part.array == nil { parts.append((part, path + "/items")) }
    return parts
  }
}
