import InferText
import Testing

/// Schemas that are refused when they are read.
@Suite struct SchemaRefusalTests {
  /// Schemas that nothing is valid against, or that say what is not held, with what the error must name.
  @Test(arguments: [
    (
      #"{"type":"object","properties":{"a":{"minimum":3,"maximum":2,"type":"number"}},"required":["a"]}"#,
      "/properties/a: minimum and maximum contradict each other"
    ),
    (##"{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}"##, "nothing is valid"),
    (#"{"type":"array","items":{"type":"integer"},"contains":{"const":"x"}}"#, "nothing is valid"),
    (
      #"{"$schema":"https://json-schema.org/draft/2019-09/schema","type":"array","contains":{"const":1},"unevaluatedItems":{"type":"string"}}"#,
      "nothing is valid"
    ),
    (
      #"{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":false,"contains":{"type":"string"},"minContains":2}"#,
      "nothing is valid"
    ),
    (
      #"{"type":"object","properties":{"a":{"type":"array","maxItems":1,"prefixItems":[{"const":1}],"contains":{"const":2}}},"required":["a"]}"#,
      "nothing is valid"
    ),
    (
      #"{"properties":{"a":{"minLength":3,"maxLength":2}}}"#,
      "/properties/a: minLength of 3 is more than maxLength of 2"
    ),
    (##"{"allOf":[{"$ref":"#"}]}"##, "refers to itself"),
    (##"{"properties":{"a":{"$ref":"#/$defs/none"}}}"##, "/properties/a: $ref: #/$defs/none names nothing"),
    (#"{"$ref":"https://example.com/x.json#/a"}"#, "is in another document"),
    (##"{"allOf":[true],"items":{"$ref":"#/allOf/+0"}}"##, "$ref: #/allOf/+0 names nothing"),
    (##"{"allOf":[true],"items":{"$ref":"#/allOf/00"}}"##, "$ref: #/allOf/00 names nothing"),
    (#"{"items":{"pattern":"(a"}}"#, "/items: pattern (a"), (#"{"type":"text"}"#, "text is no type"),
    (##"{"items":{"$dynamicRef":"#a"}}"##, "/items: $dynamicRef is not supported"),
    (
      #"{"anyOf":[{"patternProperties":{"a":{}},"minProperties":1},{"patternProperties":{"b":{}},"minProperties":2},{"patternProperties":{"c":{}},"minProperties":3},{"patternProperties":{"d":{}},"minProperties":4},{"patternProperties":{"e":{}},"minProperties":5},{"patternProperties":{"f":{}},"minProperties":6},{"patternProperties":{"g":{}},"minProperties":7}],"unevaluatedProperties":false}"#,
      "/unevaluatedProperties: branches evaluate 7 patterns"
    ),
    (#"{"type":"string","enum":[1,2]}"#, "at the top: nothing is valid against type and enum together"),
    (#"{"items":[1]}"#, "/items/0: a schema is"), (#"{"enum":[]}"#, "nothing is valid against enum"),
    // Elements that must differ run out.
    (#"{"type":"array","minItems":2,"uniqueItems":true,"items":{"const":1}}"#, "uniqueItems and items together"),
    (#"{"type":"array","items":{"type":"boolean"},"uniqueItems":true,"minItems":3}"#, "nothing is valid"),
    (#"{"type":"array","items":{"enum":[1,2]},"uniqueItems":true,"minItems":3}"#, "nothing is valid"),
    (
      #"{"type":"array","items":{"type":"integer","minimum":1,"maximum":3},"uniqueItems":true,"minItems":4}"#,
      "nothing is valid"
    ),
    (#"{"type":"array","items":{"enum":["a","b"]},"uniqueItems":true,"minItems":3}"#, "nothing is valid"),
    (
      #"{"type":"array","items":{"type":"object","properties":{"a":{"const":1}},"additionalProperties":false},"uniqueItems":true,"minItems":3}"#,
      "nothing is valid"
    ),
    // What is said twice cannot be true once.
    (
      #"{"properties":{"a":{"oneOf":[{"type":"integer"},{"type":"integer"}]}},"required":["a"],"type":"object"}"#,
      "/properties/a: nothing is valid against oneOf"
    ),
    (#"{"type":"integer","not":{"minimum":0},"exclusiveMinimum":-1}"#, "type, not and exclusiveMinimum together"),
    (#"{"type":"number","not":{"anyOf":[{"minimum":0},{"maximum":1}]}}"#, "nothing is valid"),
    // The innermost place at fault.
    (
      #"{"type":"object","properties":{"x":{"type":"object","properties":{"y":{"allOf":[{"type":"string"},{"type":"integer"}]}},"required":["y"]}},"required":["x"]}"#,
      "/properties/x/properties/y: nothing is valid against allOf"
    ),
    (
      ##"{"$defs":{"n":{"minItems":1,"type":"array","items":{"const":1,"type":"string"}}},"allOf":[{},{"$ref":"#/$defs/n"}]}"##,
      "/$defs/n/items: nothing is valid against const and type together"
    ),
    (#"{"type":"object","properties":{"a":false},"required":["a"]}"#, "/properties/a: nothing is valid against false"),
    // Keywords whose values would hold nothing.
    (#"{"items":{"minimum":null}}"#, "/items: minimum must be a number, not null"),
    (#"{"properties":{"a":{"required":true}}}"#, "/properties/a: required must be an array of strings, not a boolean"),
    (#"{"required":["a",1]}"#, "required must be an array of strings, not one with something else in it"),
    (#"{"exclusiveMaximum":true}"#, "exclusiveMaximum is true, and there is no maximum"),
    (#"{"prefixItems":[{}],"items":[{}]}"#, "items is an array, as before prefixItems, beside prefixItems"),
    (#"{"uniqueItems":"yes"}"#, "uniqueItems must be a boolean"), (#"{"format":["date"]}"#, "format must be a string"),
    (#"{"dependentRequired":[]}"#, "dependentRequired must be an object of arrays of strings, not an array"),
    (
      #"{"dependencies":{"a":["b",null]}}"#,
      "dependencies must be an object of schemas and of arrays of strings, not one with something else in it"
    ),
    (#"{"$id":5}"#, "$id must be a string, not an integer"),
    (#"{"anyOf":[]}"#, "anyOf must be an array of schemas, not an empty one"),
    // Keywords of other drafts.
    (
      #"{"$schema":"http://json-schema.org/draft-07/schema#","items":{"unevaluatedProperties":false}}"#,
      "/items: unevaluatedProperties is a keyword of draft 2019-09, and $schema names draft 7, which lacks it"
    ),
    (
      #"{"$schema":"http://json-schema.org/draft-07/schema","prefixItems":[{}]}"#,
      "prefixItems is a keyword of draft 2020-12"
    ),
    (#"{"$schema":"http://json-schema.org/draft-04/schema#","properties":{"a":{"const":1}}}"#, "/properties/a: const"),
    (#"{"$schema":"http://json-schema.org/draft-03/schema#","disallow":"string"}"#, "disallow is a keyword of draft 3"),
    (#"{"$schema":"https://json-schema.org/draft/2020-12/schema","extends":{}}"#, "extends is a keyword of draft 3"),
    (
      #"{"$schema":"https://json-schema.org/draft/2020-12/schema","dependencies":{"a":["b"]}}"#,
      "dependencies was a keyword up to draft 7, and $schema names draft 2020-12, which lacks it"
    ),
    (
      #"{"$schema":"https://json-schema.org/draft/2020-12/schema","additionalItems":false}"#,
      "additionalItems was a keyword up to draft 2019-09"
    ),
    (#"{"$schema":"https://json-schema.org/draft/2020-12/schema","items":[{}]}"#, "items is an array, and $schema"),
    (
      #"{"$schema":"http://json-schema.org/draft-04/schema#","exclusiveMinimum":3}"#,
      "exclusiveMinimum must be a boolean in draft 4, not an integer"
    ),
    (
      #"{"$schema":"http://json-schema.org/draft-07/schema#","maximum":3,"exclusiveMaximum":false}"#,
      "exclusiveMaximum must be a number in draft 7, not a boolean"
    ),
    // Those of an embedded schema are of its own draft.
    (
      #"{"properties":{"a":{"$id":"a","$schema":"http://json-schema.org/draft-04/schema#","items":{"const":1}}}}"#,
      "/properties/a/items: const is a keyword of draft 6, and $schema names draft 4"
    ),
    // What is not reached must be of the right kind as well.
    (#"{"minContains":"a"}"#, "minContains must be a whole number"),
    (#"{"minContains":2,"maxContains":1}"#, "minContains of 2 is more than maxContains"),
    (#"{"$defs":5}"#, "$defs must be an object of schemas, not an integer"),
    (#"{"definitions":{"a":[]}}"#, "/definitions/a: a schema is an object or a boolean, not an array"),
    (#"{"dependentSchemas":{"a":["b"]}}"#, "/dependentSchemas/a: a schema is"),
    (#"{"then":1}"#, "/then: a schema is"),
    (#"{"properties":{"a":{"divisibleBy":2}}}"#, "/properties/a: divisibleBy is a keyword of draft 3"),
    // Numbers that no text of ours can be.
    (
      #"{"const":1\#(String(repeating: "0", count: 120))1\#(String(repeating: "2", count: 700))}"#,
      "/const: the number is beyond"
    ),
    (#"{"enum":[1,-1\#(String(repeating: "7", count: 800))]}"#, "/enum/1: the number is beyond"),
    (#"{"items":{"maximum":1\#(String(repeating: "7", count: 900))}}"#, "/items: maximum is beyond"),
    (#"{"minItems":-1}"#, "minItems must be"), (#"{"multipleOf":0}"#, "multipleOf must be positive"),
  ])
  func refuses(_ schema: String, _ part: String) throws {
    let error = #expect(throws: ConstraintError.self) {
      try Constraint(schema: try JSONValue(parsing: schema), for: .bytes)
    }
    #expect(error?.reason.contains(part) == true, "\(error?.reason ?? "")")
  }
}
