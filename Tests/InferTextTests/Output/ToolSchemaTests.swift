import Testing

@testable import InferText

/// Texts of arguments become values of the types that a tool's schema allows.
@Suite struct ToolSchemaTests {
  private func values(_ texts: [(String, String)], _ properties: JSONValue, _ definitions: JSONValue = [:])
    -> [JSONValue]
  {
    let schemas = ToolSchemas([tool("f", properties, definitions: definitions)])
    return texts.map { schemas.value($0.1, for: $0.0, of: "f") }
  }

  @Test func referencesAreFollowed() {
    let definitions: JSONValue = [
      "Place": ["type": "object"], "Count": ["$ref": "#/$defs/Whole"], "Whole": ["type": "integer"],
      "a/b~c": ["type": "boolean"], "Color": ["enum": ["red", 5]],
    ]
    let properties: JSONValue = [
      "place": ["$ref": "#/$defs/Place"], "count": ["$ref": "#/$defs/Count"], "odd": ["$ref": "#/$defs/a~1b~0c"],
      "wrapped": ["allOf": [["$ref": "#/$defs/Whole"]], "description": "n"],
      "maybe": ["anyOf": [["$ref": "#/$defs/Place"], ["type": "null"]]], "color": ["$ref": "#/$defs/Color"],
      "lost": ["$ref": "#/$defs/Nowhere"], "far": ["$ref": "https://example.com/schema"],
    ]
    let texts = [
      ("place", "{\"x\": 1}"), ("place", "{'x': (1, None)}"), ("count", "3.0"), ("odd", "true"), ("wrapped", "7"),
      ("maybe", "null"), ("maybe", "[]"), ("color", "red"), ("color", "5"), ("color", "true"), ("lost", "5"),
      ("far", "word"),
    ]
    #expect(
      values(texts, properties, definitions) == [
        ["x": 1], ["x": [1, nil]], 3, true, 7, nil, [], "red", 5, "true", 5, "word",
      ])
  }

  @Test func unionsTakeWhatFits() {
    let properties: JSONValue = [
      "both": ["type": ["integer", "string"]], "any": ["oneOf": [["type": "string"], ["type": "array"]]],
      "open": ["anyOf": [["type": "string"], ["description": "whatever"]]], "untyped": ["description": "whatever"],
      "text": ["type": "string"], "python": ["type": "dict"], "constant": ["const": "x"], "strange": ["type": "money"],
    ]
    let texts = [
      ("both", "5"), ("both", "5.5"), ("both", "five"), ("any", "[1]"), ("any", "5"), ("open", "5"), ("untyped", "5"),
      ("untyped", "five"), ("untyped", "\"five\""), ("untyped", "None"), ("text", "null"), ("text", "5"),
      ("python", "{'a': True}"), ("constant", "5"), ("strange", "5"), ("unknown", "5"), ("unknown", "{}"),
    ]
    #expect(
      values(texts, properties) == [
        5, "5.5", "five", [1], "5", 5, 5, "five", "\"five\"", nil, "null", "5", ["a": true], "5", 5, "5", "{}",
      ])
    let schemas = ToolSchemas([tool("f", properties)])
    #expect(schemas.isText("text", of: "f") && schemas.isText("unknown", of: "f") && schemas.isText("x", of: "g"))
    #expect(!schemas.isText("both", of: "f") && !schemas.isText("untyped", of: "f"))
  }

  /// Circles, and unions that double at every step, which a reader that follows all of them never gets through.
  @Test func hostileSchemasAreLeftAlone() {
    var definitions: JSONValue = ["Loop": ["$ref": "#/$defs/Loop"], "A": ["anyOf": [["$ref": "#/$defs/A"]]]]
    for level in 0..<60 {
      let next: JSONValue = ["$ref": .string("#/$defs/D\(level + 1)")]
      definitions["D\(level)"] = ["anyOf": [next, next]]
    }
    definitions["D60"] = ["type": "integer"]
    let properties: JSONValue = [
      "loop": ["$ref": "#/$defs/Loop"], "a": ["$ref": "#/$defs/A"], "double": ["$ref": "#/$defs/D0"],
      "self": ["$ref": "#"], "strange": 5, "list": ["type": [1, 2]], "empty": ["anyOf": []],
    ]
    let texts = ["loop", "a", "double", "self", "strange", "list", "empty"].map { ($0, "5") }
    #expect(values(texts, properties, definitions).count == texts.count)
    #expect(values([("loop", "5"), ("loop", "x")], properties, definitions) == [5, "x"])
  }
}
