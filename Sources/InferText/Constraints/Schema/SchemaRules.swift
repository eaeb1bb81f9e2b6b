import OrderedCollections

/// The part of a schema that says which schemas an object's members are held against.
struct MemberRule: Hashable {
  /// Schemas of members by name, in order.
  var named: OrderedDictionary<JSONName, Int>
  /// Schemas of members whose names are in a language.
  var patterns: [Pattern]
  /// The schema of all other members.
  var others: Int

  struct Pattern: Hashable {
    let names: Expression
    let schema: Int
  }
}

/// The part of a schema that says which schemas an array's elements are held against.
struct ElementRule: Hashable {
  /// Schemas of the first elements.
  var first: [Int]
  /// The schema of all behind them.
  var others: Int

  func schema(at index: Int) -> Int { index < first.count ? first[index] : others }
}

/// A schema that cannot be read or held, and where.
struct SchemaError: Error, Equatable, CustomStringConvertible {
  /// The place in the schema, as a JSON pointer.
  let path: String
  /// The fault, with the keyword.
  let reason: String

  var description: String { "schema at \(path.isEmpty ? "the top" : path): \(reason)" }
}
