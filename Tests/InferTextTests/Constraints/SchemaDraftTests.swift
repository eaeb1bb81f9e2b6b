import Testing

@testable import InferText

/// Keywords as the drafts of JSON Schema have them.
@Suite struct SchemaDraftTests {
  /// Constants of any kind are held in every draft.
  @Test(arguments: ["draft-04", "draft-06", "draft-07", "draft/2019-09", "draft/2020-12"])
  func constantsAreOfEveryDraft(_ draft: String) throws {
    let constraint = try Constraint(
      schema: [
        "$schema": .string("http://json-schema.org/\(draft)/schema"),
        "enum": [[1], ["a": []], ["a": ["b": [1, "x"]]], []],
      ], for: .bytes)
    for text in ["[1]", #"{"a":[]}"#, #"{"a":{"b":[1,"x"]}}"#, "[]"] { #expect(constraint.accepts(text), "\(text)") }
    for text in ["[2]", "[1,1]", "{}", #"{"a":{"b":[1]}}"#] { #expect(!constraint.accepts(text), "\(text)") }
  }

  /// A dependency may be one name, as in draft 3.
  @Test func aDependencyMayBeOneName() throws {
    let constraint = try Constraint(
      schema: ["type": "object", "properties": ["a": true, "b": true], "dependencies": ["a": "b"]], for: .bytes)
    #expect(constraint.accepts(#"{"a":1,"b":2}"#) && constraint.accepts("{}") && !constraint.accepts(#"{"a":1}"#))
  }

  /// A schema within another one may be of another draft.
  @Test func embeddedSchemasHaveDraftsOfTheirOwn() throws {
    let old: JSONValue = [
      "$id": "old", "$schema": "http://json-schema.org/draft-04/schema#", "type": "integer", "minimum": 1,
      "exclusiveMinimum": true,
    ]
    let constraint = try Constraint(
      schema: [
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array", "prefixItems": [old],
        "items": ["type": "integer", "exclusiveMinimum": 1],
      ], for: .bytes)
    for text in ["[2,2.0]", "[3]"] { #expect(constraint.accepts(text), "\(text)") }
    for text in ["[1]", "[2.0]", "[2,1]"] { #expect(!constraint.accepts(text), "\(text)") }
    // One without an identifier is of the draft around it.
    let plain: JSONValue = ["items": ["$schema": "http://json-schema.org/draft-04/schema#", "const": 1]]
    #expect(try Constraint(schema: plain, for: .bytes).accepts("[1,1.0]"))
  }
}
