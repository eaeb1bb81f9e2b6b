import OrderedCollections

// `unevaluatedProperties` and `unevaluatedItems`: schemas of the members and elements that no other keyword evaluates.
//
// Branches that hold evaluate members and elements. So each is a statement by itself: a name is evaluated by a branch that
// holds, or its value is as the keyword says.
extension SchemaCompiler {
  private static let maxOpen = 6

  mutating func unevaluatedProperties(_ schema: JSONObject, _ path: String) throws(SchemaError) -> Formula {
    guard let value = schema["unevaluatedProperties"] else { return .always }
    let place = path + "/unevaluatedProperties"
    let others = number(of: value, place)
    let evaluations = try evaluations(schema, path)
    let names = evaluations.names.entries(of: .object, &pool)
    let languages = evaluations.languages.entries(of: .object, &pool)
    let certain = languages.filter { $0.condition == .always }.map(\.part)
    let open = languages.filter { $0.condition != .always }
    if certain.contains(.everything) { return .always }
    guard open.count <= Self.maxOpen else {
      throw SchemaError(
        path: place, reason: "branches evaluate \(open.count) patterns of names; at most \(Self.maxOpen) can be held")
    }
    var parts = [
      rule(
        MemberRule(
          named: OrderedDictionary(names.map { ($0.part, Self.anything) }) { first, _ in first },
          patterns: languages.map { MemberRule.Pattern(names: $0.part, schema: Self.anything) }, others: others))
    ]
    for name in names {
      var ways = [name.condition]
      for language in languages where automaton.accepts(language.part, name.part.bytes) {
        ways.append(language.condition)
      }
      ways.append(rule(MemberRule(named: [name.part: others], patterns: [], others: Self.anything)))
      parts.append(pool.any(ways))
    }
    // Other names are told apart by the languages that they are in.
    let known = automaton.pool.union(ofTexts: names.map(\.part.bytes))
    for subset in Self.subsets(open.count) where !subset.isEmpty {
      let outside = open.indices.filter { !subset.contains($0) }.map { open[$0].part }
      let isOutside = automaton.pool.union(outside + certain + [known])
      let language = automaton.pool.intersection(
        subset.map { open[$0].part } + [automaton.pool.complement(isOutside)])
      if automaton.pool.isEmpty(language) { continue }
      let pattern = MemberRule.Pattern(names: language, schema: others)
      let rule = rule(MemberRule(named: [:], patterns: [pattern], others: Self.anything))
      parts.append(pool.any(subset.map { open[$0].condition } + [rule]))
    }
    return pool.all(parts)
  }

  mutating func unevaluatedItems(_ schema: JSONObject, _ path: String) throws(SchemaError) -> Formula {
    guard let value = schema["unevaluatedItems"] else { return .always }
    let place = path + "/unevaluatedItems"
    let others = number(of: value, place)
    let evaluations = try evaluations(schema, path)
    let lengths = evaluations.lengths.entries(of: .array, &pool)
    let contained = evaluations.contained.entries(of: .array, &pool)
    let certain = contained.filter { $0.condition == .always }.map(\.part)
    let open = contained.filter { $0.condition != .always }
    guard open.count <= Self.maxOpen else {
      throw SchemaError(
        path: place, reason: "\(open.count) branches have contains; at most \(Self.maxOpen) can be held")
    }
    var parts: [Formula] = []
    var start = 0
    for end in Set(lengths.map(\.part) + [.max]).sorted() {
      var ways = lengths.filter { $0.part >= end }.map(\.condition)
      for subset in Self.subsets(open.count) {
        let schema = number(ofAny: [others] + certain + subset.map { open[$0].part })
        var rule = ElementRule(first: Array(repeating: Self.anything, count: start), others: Self.anything)
        if end == .max { rule.others = schema } else { rule.first += Array(repeating: schema, count: end - start) }
        ways.append(pool.all(subset.map { open[$0].condition } + [self.rule(rule)]))
      }
      parts.append(pool.any(ways))
      start = end
    }
    return pool.all(parts)
  }

  private static func subsets(_ count: Int) -> [[Int]] {
    (0..<1 << count).map { bits in (0..<count).filter { bits >> $0 & 1 == 1 } }
  }
}
