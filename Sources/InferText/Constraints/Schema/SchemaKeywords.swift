/// The kinds of values that keywords of schemas take. One of another kind would hold nothing, so that it is an error.
///
/// Counts are read where they are held, which says more of them; keywords that are annotations may be anything.
enum SchemaKeywords {
  enum Expected: String {
    case number = "a number"
    case bound = "a number or, beside the bound that it speaks of, a boolean"
    case boolean = "a boolean"
    case string = "a string"
    case strings = "an array of strings"
    case array = "an array"
    case object = "an object"
    case lists = "an object of arrays of strings"
    case dependencies = "an object of schemas and of arrays of strings"
  }

  static let expected: [(keyword: String, value: Expected)] = [
    ("$schema", .string), ("$ref", .string), ("$id", .string), ("$anchor", .string), ("$dynamicAnchor", .string),
    ("enum", .array),
    ("nullable", .boolean),
    ("minimum", .number), ("maximum", .number), ("multipleOf", .number),
    ("exclusiveMinimum", .bound), ("exclusiveMaximum", .bound),
    ("pattern", .string), ("format", .string),
    ("prefixItems", .array), ("uniqueItems", .boolean),
    ("properties", .object), ("patternProperties", .object), ("required", .strings),
    ("dependentRequired", .lists), ("dependentSchemas", .object), ("dependencies", .dependencies),
  ]

  /// Keywords that say something which is not held.
  private static let refused = ["$dynamicRef", "$recursiveRef"]
  /// Keywords of the third draft that no later one has, nor anything else.
  private static let ofDraft3 = ["divisibleBy", "disallow", "extends"]
  /// The drafts that keywords first came with. Where an earlier one is named they would hold nothing.
  private static let introduced: [(draft: SchemaDraft, keywords: [String])] = [
    (.draft4, ["multipleOf", "minProperties", "maxProperties", "allOf", "anyOf", "oneOf", "not"]),
    (.draft6, ["const", "contains", "propertyNames"]), (.draft7, ["if"]),
    (
      .draft2019,
      [
        "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems", "minContains",
        "maxContains",
      ]
    ), (.draft2020, ["prefixItems"]),
  ]
  /// The last drafts that keywords came with. Where a later one is named they would hold nothing.
  private static let abandoned: [(draft: SchemaDraft, keyword: String)] = [
    (.draft7, "dependencies"), (.draft2019, "additionalItems"),
  ]

  /// Keywords whose values are schemas, or arrays of them. Identifiers elsewhere, as in constants and examples, are none.
  static let ofSchemas: Set<ExactText> = [
    "items", "additionalItems", "prefixItems", "contains", "unevaluatedItems", "additionalProperties", "propertyNames",
    "unevaluatedProperties", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "contentSchema",
  ]
  /// Keywords whose values are objects of schemas.
  static let ofNamedSchemas: Set<ExactText> = [
    "properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies",
  ]

  /// - Parameter draft: The draft that is named; `nil` for none.
  /// - Throws: ``SchemaError`` for the first keyword that cannot be held: one whose value is of another kind, one of another
  ///   draft, and such as are held in none.
  static func check(_ schema: JSONObject, _ draft: SchemaDraft?, _ path: String) throws(SchemaError) {
    for keyword in refused where schema.contains(key: keyword) {
      throw SchemaError(path: path, reason: "\(keyword) is not supported")
    }
    if let keyword = ofDraft3.first(where: { schema.contains(key: $0) }) {
      throw SchemaError(path: path, reason: "\(keyword) is a keyword of draft 3, and is not supported")
    }
    for (first, keywords) in introduced {
      guard let draft, draft < first, let keyword = keywords.first(where: { schema.contains(key: $0) }) else {
        continue
      }
      throw SchemaError(
        path: path, reason: "\(keyword) is a keyword of \(first.name), and $schema names \(draft.name), which lacks it")
    }
    for (last, keyword) in abandoned {
      guard let draft, draft > last, schema.contains(key: keyword) else { continue }
      throw SchemaError(
        path: path,
        reason: "\(keyword) was a keyword up to \(last.name), and $schema names \(draft.name), which lacks it")
    }
    for (keyword, expected) in expected {
      guard let value = schema[keyword], !expected.accepts(value) else { continue }
      let isContainer = expected.isContainer(as: value)
      let found = isContainer ? "one with something else in it" : value.kind
      throw SchemaError(path: path, reason: "\(keyword) must be \(expected.rawValue), not \(found)")
    }
    if schema["items"]?.array != nil {
      if schema.contains(key: "prefixItems") {
        throw SchemaError(path: path, reason: "items is an array, as before prefixItems, beside prefixItems")
      }
      if draft == .draft2020 {
        throw SchemaError(
          path: path, reason: "items is an array, and $schema names draft 2020-12, which has prefixItems")
      }
    }
    for (keyword, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
      guard let value = schema[keyword] else { continue }
      let isOld = value.bool != nil
      if let draft, (draft < .draft6) != isOld {
        let right = isOld ? "a number" : "a boolean"
        throw SchemaError(path: path, reason: "\(keyword) must be \(right) in \(draft.name), not \(value.kind)")
      }
      if value.bool == true, !schema.contains(key: bound) {
        throw SchemaError(path: path, reason: "\(keyword) is true, and there is no \(bound) that it speaks of")
      }
    }
  }
}

extension SchemaKeywords.Expected {
  fileprivate func accepts(_ value: JSONValue) -> Bool {
    switch self {
    case .number: value.isNumber
    case .bound: value.isNumber || value.bool != nil
    case .boolean: value.bool != nil
    case .string: value.string != nil
    case .strings: value.array?.allSatisfy { $0.string != nil } ?? false
    case .array: value.array != nil
    case .object: value.object != nil
    case .lists: value.object?.values.allSatisfy(Self.strings.accepts) ?? false
    // A name alone is draft 3's.
    case .dependencies:
      value.object?.values.allSatisfy { Self.strings.accepts($0) || $0.array == nil } ?? false
    }
  }

  /// `true` for a value of the right kind, whose parts may be of others.
  fileprivate func isContainer(as value: JSONValue) -> Bool {
    self == .strings ? value.array != nil : value.object != nil && (self == .lists || self == .dependencies)
  }
}

extension JSONValue {
  fileprivate var isNumber: Bool {
    switch self {
    case .integer, .largeInteger, .number: true
    default: false
    }
  }
}
