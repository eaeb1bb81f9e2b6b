import Foundation
import TestSupport
import Testing

@testable import InferText

/// Texts held against schemas, byte by byte.
@Suite struct SchemaTests {
  static let cases = [
    SchemaCase(
      #"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"]}"#,
      valid: [
        #"{"a":1}"#, #" { "a" : -20 , "b" : "x" } "#, #"{"c":[],"a":1,"d":null}"#, "{\"a\":1,\"b\":\"\\u00e9ü\\n\"}",
      ],
      invalid: [
        #"{"b":"x"}"#, #"{"a":1.5}"#, #"{"a":1,}"#, #"{"a":1,"b":2}"#, #"{"b":"x","a":1}"#, "{\"a\":1,\"b\":\"\n\"}",
        "[1]",
      ]),
    SchemaCase(
      #"{"properties":{"a":{},"b":{}},"additionalProperties":false,"minProperties":2}"#,
      valid: [#"{"a":1,"b":2}"#, "3"], invalid: ["{}", #"{"a":1}"#, #"{"b":1}"#, #"{"a":1,"c":2}"#]),
    SchemaCase(
      #"{"properties":{"a":{},"b":{},"c":{}},"required":["c"],"maxProperties":2}"#,
      valid: [#"{"a":1,"c":2}"#, #"{"c":1,"x":2}"#], invalid: [#"{"a":1,"b":2,"c":3}"#, #"{"a":1,"x":2,"c":3}"#]),
    SchemaCase(
      #"{"type":"object","required":["z","y"]}"#, valid: [#"{"y":1,"z":2}"#, #"{"z":1,"x":0,"y":2}"#],
      invalid: [#"{"z":1}"#]),
    SchemaCase(
      #"{"type":"object","patternProperties":{"^x-":{"type":"string"}},"additionalProperties":false}"#,
      valid: ["{}", #"{"x-a":"1","x-b":"2"}"#], invalid: [#"{"y":"1"}"#, #"{"x-a":1}"#]),
    SchemaCase(
      #"{"type":"object","propertyNames":{"pattern":"^[a-c]+$"},"maxProperties":2}"#,
      valid: [#"{"a":1,"abc":2}"#], invalid: [#"{"d":1}"#, #"{"a":1,"b":2,"c":3}"#, #"{"a":1,"a":2,"b":3}"#]),
    SchemaCase(
      #"{"type":"array","items":{"enum":["a","b",1]},"uniqueItems":true,"minItems":2}"#,
      valid: [#"["a","b"]"#, #"[1, "b", "a"]"#], invalid: [#"["a"]"#, #"["a","a"]"#, #"["a","b",1,"a"]"#]),
    SchemaCase(
      #"{"uniqueItems":true}"#, valid: [#"[{"a":true},{"a":1}]"#, #"[[1],[2]]"#, "[1,true]"],
      invalid: [#"[{"a":1,"b":2},{"b":2,"a":1.0}]"#, "[[1],[1]]", "[1,1.0]", #"["a","\u0061"]"#]),
    SchemaCase(
      #"{"prefixItems":[{"type":"string"},{"type":"integer"}],"items":false}"#, valid: ["[]", #"["a"]"#, #"["a",1]"#],
      invalid: ["[1]", #"["a",1,2]"#]),
    SchemaCase(
      #"{"type":"array","contains":{"type":"integer"},"minContains":2,"maxItems":3}"#,
      valid: ["[1,2]", "[true,1,2]"], invalid: ["[1]", "[true,false,1]", "[1,2,3,4]"]),
    SchemaCase(
      #"{"type":"number","minimum":512,"maximum":2000,"multipleOf":0.5}"#,
      valid: ["512", "1999.5", "1e3", "1000.50"], invalid: ["511.5", "2000.5", "513.25", "99", "-600", "1e4"]),
    SchemaCase(#"{"type":"integer"}"#, valid: ["0", "-1", "1.0", "2e3"], invalid: ["1.5", "01", "1e-1", "+1", "-"]),
    SchemaCase(
      #"{"$schema":"http://json-schema.org/draft-04/schema#","type":"integer","minimum":0,"exclusiveMinimum":true}"#,
      valid: ["1", "20"], invalid: ["0", "1.0", "2e3"]),
    SchemaCase(
      #"{"type":"integer","minimum":0,"maximum":150}"#, valid: ["0", "99", "150", "10.0", "1e2"],
      invalid: ["151", "10.2", "10.20000000000000000000000000000000000000000000000001", "-1"]),
    SchemaCase(
      #"{"type":"array","items":{"type":"integer","minimum":1,"maximum":2},"uniqueItems":true,"minItems":2}"#,
      valid: ["[1,2]", "[2, 1.0]"], invalid: ["[1,1]", "[1,1.0]", "[1,2,1]", "[1]"]),
    SchemaCase(#"{"const":1.50}"#, valid: ["1.5", "1.50"], invalid: ["1", "1.51", "15"]),
    SchemaCase(
      #"{"type":"string","minLength":2,"maxLength":3}"#, valid: [#""ab""#, #""äöü""#, #""\ud83d\ude00x""#],
      invalid: [#""a""#, #""abcd""#, #""\ud83d""#]),
    SchemaCase(#"{"type":"string","pattern":"b+$"}"#, valid: [#""abb""#, #""b""#], invalid: [#""ba""#, #""""#]),
    SchemaCase(
      #"{"type":"string","format":"date"}"#, valid: [#""2024-02-29""#], invalid: [#""2023-02-29""#, #""2024-2-9""#]),
    SchemaCase(
      #"{"oneOf":[{"type":"integer","multipleOf":3},{"type":"integer","multipleOf":5}]}"#, valid: ["3", "10"],
      invalid: ["15", "7"]),
    SchemaCase(
      #"{"anyOf":[{"properties":{"t":{"const":"a"},"v":{"type":"integer"}},"required":["t"]},{"properties":{"t":{"const":"b"},"v":{"type":"string"}},"required":["t"]}]}"#,
      valid: [#"{"t":"a","v":1}"#, #"{"t":"b","v":"x"}"#], invalid: [#"{"t":"a","v":"x"}"#, #"{"t":"c"}"#, "{}"]),
    SchemaCase(
      #"{"if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"required":["x"]},"else":{"required":["y"]}}"#,
      valid: [#"{"k":1,"x":0}"#, #"{"k":2,"y":0}"#], invalid: [#"{"k":1,"y":0}"#, #"{"k":2}"#]),
    SchemaCase(
      #"{"not":{"type":"object","required":["a"]}}"#, valid: [#"{"b":1}"#, "1"], invalid: [#"{"a":1}"#]),
    SchemaCase(
      ##"{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"next":{"$ref":"#/$defs/node"}},"additionalProperties":false}}}"##,
      valid: ["{}", #"{"next":{"next":{}}}"#], invalid: [#"{"next":1}"#]),
    SchemaCase(
      #"{"type":"object","dependentRequired":{"a":["b"]}}"#, valid: ["{}", #"{"a":1,"b":2}"#, #"{"b":2,"a":1}"#],
      invalid: [#"{"a":1}"#]),
    SchemaCase(
      ##"{"allOf":[{"$ref":"#/$defs/named"}],"properties":{"age":{"type":"integer"}},"unevaluatedProperties":false,"$defs":{"named":{"properties":{"name":{"type":"string"}},"required":["name"]}}}"##,
      valid: [#"{"age":3,"name":"x"}"#, #"{"name":"x"}"#, "[]"], invalid: [#"{"name":"x","size":1}"#, #"{"age":3}"#]),
    SchemaCase(
      #"{"oneOf":[{"properties":{"kind":{"const":"circle"},"r":{"type":"number"}},"required":["kind","r"]},{"properties":{"kind":{"const":"square"},"side":{"type":"number"}},"required":["kind","side"]}],"unevaluatedProperties":false}"#,
      valid: [#"{"kind":"circle","r":1}"#, #"{"kind":"square","side":2}"#],
      invalid: [#"{"kind":"circle","r":1,"side":2}"#, #"{"kind":"square","side":2,"x":0}"#]),
    SchemaCase(
      #"{"properties":{"k":{}},"if":{"properties":{"k":{"const":1}},"required":["k"]},"then":{"properties":{"x":{}}},"else":{"patternProperties":{"^y":{}}},"unevaluatedProperties":{"type":"null"}}"#,
      valid: [#"{"k":1,"x":0,"y1":null}"#, #"{"k":2,"y1":0,"y2":0}"#, #"{"k":2,"x":null,"z":null}"#],
      invalid: [#"{"k":1,"x":0,"y1":0}"#, #"{"k":2,"x":0}"#, #"{"k":2,"y1":0,"z":0}"#]),
    SchemaCase(
      #"{"anyOf":[{"patternProperties":{"^a":{"type":"integer"}}},{"patternProperties":{"b$":{"type":"string"}}}],"unevaluatedProperties":false}"#,
      valid: [#"{"a":1}"#, #"{"b":"x"}"#, #"{"ab":1}"#, #"{"ab":"x","cb":"x"}"#, #"{"a":1,"b":"x"}"#],
      invalid: [#"{"ab":1,"cb":1}"#, #"{"ab":null}"#, #"{"ab":"x","a":"x"}"#, #"{"c":1}"#]),
    SchemaCase(
      #"{"prefixItems":[{"type":"integer"}],"anyOf":[{"prefixItems":[true,{"const":"a"}]},{"contains":{"const":"b"}}],"unevaluatedItems":false}"#,
      valid: [#"[1,"a"]"#, #"[1,"b","b"]"#, #"[1,"a","b"]"#, "[1]"],
      invalid: [#"[1,"c"]"#, #"[1,"a","c"]"#, #"[1,"b","a"]"#]),
    // What depends on a member evaluates nothing of an array.
    SchemaCase(
      #"{"unevaluatedItems":{"type":"string"},"dependentSchemas":{"a":{"items":true}}}"#,
      valid: [#"["x"]"#, #"{"a":1}"#], invalid: ["[1]"]),
    SchemaCase(
      #"{"dependentSchemas":{"a":{"unevaluatedItems":false}},"unevaluatedItems":false}"#,
      valid: ["[]", #"{"a":1}"#], invalid: ["[1]"]),
    // References are relative to the identifiers around them, and so are pointers and anchors.
    SchemaCase(
      ##"{"$id":"http://x/a/y","$defs":{"a":{"const":1},"b":{"$id":"../z","$anchor":"c","$defs":{"a":{"const":2}},"$ref":"#/$defs/a"}},"prefixItems":[{"$ref":"y#/$defs/a"},{"$ref":"/z"},{"$ref":"//x/z#c"},{"$ref":"http://x/a/./y#/$defs/a"},{"$ref":"#/$defs/b/$defs/a"}]}"##,
      valid: ["[1,2,2,1,2]"], invalid: ["[2]", "[1,1]", "[1,2,1]", "[1,2,2,2]", "[1,2,2,1,1]"]),
    SchemaCase(
      ##"{"$defs":{"a":{"$id":"urn:a","$anchor":"x","const":1},"b":{"$id":"urn:b","$anchor":"x","const":2},"c":{"$anchor":"x","const":3}},"prefixItems":[{"$ref":"urn:b#x"},{"$ref":"urn:a#x"},{"$ref":"#x"}]}"##,
      valid: ["[2,1,3]"], invalid: ["[1]", "[2,2]", "[2,1,1]"]),
    // Identifiers in constants, examples and words that are none of JSON Schema's are none, and members may have any name.
    SchemaCase(
      ##"{"$id":"http://x/a","type":"object","properties":{"c":{"$ref":"#/$defs/i"}},"$defs":{"i":{"type":"integer"}},"default":{"$id":"http://x/a","$defs":{"i":true}},"examples":[{"$id":"http://x/a"}],"x":{"$id":"http://x/a"}}"##,
      valid: [#"{"c":1}"#], invalid: [#"{"c":"x"}"#]),
    SchemaCase(
      ##"{"properties":{"const":{"$anchor":"x","type":"integer"},"d":{"$ref":"#x"}},"examples":[{"$anchor":"x"}]}"##,
      valid: [#"{"const":1,"d":2}"#], invalid: [#"{"d":""}"#]),
    // A constant is not a schema, though a reference may read it as one.
    SchemaCase(
      ##"{"properties":{"a":{"enum":[{"type":"integer"}]},"b":{"$ref":"#/properties/a/enum/0"}}}"##,
      valid: [#"{"a":{"type":"integer"},"b":1}"#], invalid: [#"{"a":1}"#, #"{"b":{"type":"integer"}}"#]),
    SchemaCase(
      ##"{"properties":{"b":{"$ref":"#/properties/a/enum/0"},"a":{"enum":[{"type":"integer"}]}}}"##,
      valid: [#"{"b":1,"a":{"type":"integer"}}"#], invalid: [#"{"a":1}"#, #"{"b":{"type":"integer"}}"#]),
    // Names that look the same and have other bytes.
    SchemaCase(
      "{\"properties\":{\"\u{E9}\":{\"type\":\"integer\"},\"e\u{301}\":{\"type\":\"string\"}},\"additionalProperties\":false}",
      valid: ["{\"\u{E9}\":1,\"e\u{301}\":\"x\"}"], invalid: ["{\"\u{E9}\":\"x\"}", "{\"e\u{301}\":1}"]),
    // Seconds that end a day in Greenwich, and no others.
    SchemaCase(
      #"{"format":"time"}"#,
      valid: [
        #""23:59:60Z""#, #""23:59:60.5z""#, #""15:59:60-08:00""#, #""01:29:60+01:30""#, #""23:29:60+23:30""#,
        #""00:00:60-23:59""#, #""00:00:60+00:01""#, #""22:59:60+23:00""#, #""22:59:59Z""#,
      ],
      invalid: [
        #""22:59:60Z""#, #""23:58:60Z""#, #""22:59:60+00:00""#, #""23:59:60+01:00""#, #""23:59:60-01:00""#,
        #""00:29:60+01:30""#, #""24:00:60+00:01""#, #""23:59:61Z""#,
      ]),
  ]

  @Test(arguments: cases) func holds(_ given: SchemaCase) throws {
    let constraint = try Constraint(schema: try JSONValue(parsing: given.schema), for: .bytes)
    for text in given.valid { #expect(constraint.accepts(text), "\(text)") }
    for text in given.invalid { #expect(!constraint.accepts(text), "\(text)") }
  }

  /// Where few values are left for elements that must differ, an answer comes to its end whatever it begins with.
  @Test(arguments: [
    (
      #"{"type":"array","items":{"anyOf":[{"type":"array","maxItems":0},{"type":"object","maxProperties":0}]},"uniqueItems":true,"minItems":2}"#,
      2
    ),
    (
      #"{"type":"array","uniqueItems":true,"minItems":3,"items":{"type":"object","properties":{"a":{"type":"boolean"}},"additionalProperties":false}}"#,
      3
    ),
    (
      #"{"type":"array","uniqueItems":true,"minItems":3,"items":{"type":"array","maxItems":1,"items":{"type":"boolean"}}}"#,
      3
    ),
    (
      #"{"type":"array","uniqueItems":true,"minItems":4,"items":{"type":"array","minItems":2,"maxItems":2,"items":{"enum":["a",7]}}}"#,
      4
    ),
    (#"{"type":"array","uniqueItems":true,"minItems":2,"items":{"enum":[{"a":1,"b":[]},{"a":1,"b":[0]}]}}"#, 2),
  ])
  func differentElementsAreLeft(_ schema: String, _ count: Int) throws {
    let constraint = try Constraint(schema: try JSONValue(parsing: schema), for: .bytes)
    var random = SeededGenerator(seed: 31)
    for _ in 0..<40 {
      var (cursor, bytes) = (constraint.makeCursor(whiteSpace: .generated), [UInt8]())
      while !cursor.mayEnd {
        let mask = cursor.mask()
        let allowed = (0..<256).filter { mask.contains(Int32($0)) && !UInt8($0).isJSONSpace }
        let text = String(decoding: bytes, as: UTF8.self)
        let byte = UInt8(try #require(allowed.randomElement(using: &random), "\(text)"))
        let isTaken = cursor.accept([byte])
        #expect(isTaken)
        bytes.append(byte)
      }
      let elements = try #require(try JSONValue(parsing: String(decoding: bytes, as: UTF8.self)).array)
      #expect(elements.count >= count && elements.indices.allSatisfy { !elements[..<$0].contains(elements[$0]) })
    }
  }

  @Test func holdsTenThousandValues() throws {
    let values = (0..<10_000).map { JSONValue.string("value number \($0)") }
    let constraint = try Constraint(schema: ["enum": .array(values)], for: .bytes)
    #expect(constraint.accepts(#""value number 9999""#))
    #expect(!constraint.accepts(#""value number 10000""#))
  }

  /// So many statements about one object take no more than seconds.
  @Test func holdsThousandsOfNames() throws {
    let names = (0..<3000).map { "name\($0)" }
    let members = JSONObject(uniqueKeysWithValues: names.map { ($0, ["type": "integer"]) })
    let schema: JSONValue = [
      "type": "object", "properties": .object(members), "required": .array(names.map { .string($0) }),
    ]
    let constraint = try Constraint(schema: schema, for: .bytes)
    let text = names.map { #""\#($0)":1"# }.joined(separator: ",")
    #expect(constraint.accepts("{\(text)}") && !constraint.accepts("{\(text.dropLast(13))}"))
  }

  @Test func writesNoWhiteSpaceWhereThereIsNone() throws {
    let schema: JSONValue = ["type": "object", "properties": ["a": ["type": "array"]]]
    let constraint = try Constraint(.schema(schema, .nowhere), for: .bytes)
    for text in [#"{"a":[1,{"b c":null}]}"#, "{}"] { #expect(constraint.accepts(text), "\(text)") }
    for text in [#"{ "a":[]}"#, #"{"a": []}"#, #"{"a":[1, 2]}"#, " {}", "{} ", #"{"a":[]\n}"#] {
      #expect(!constraint.accepts(text), "\(text)")
    }
  }

  @Test func closesObjects() throws {
    let schema = try JSONValue(
      parsing:
        #"{"properties":{"properties":{"properties":{}}},"$defs":{"o":{"patternProperties":{"a":{}},"additionalProperties":true}},"anyOf":[{"properties":{}},{"const":{"properties":{}}}],"not":{"properties":{"a":{}}}}"#
    )
    let closed = try JSONValue(
      parsing:
        #"{"properties":{"properties":{"properties":{},"additionalProperties":false}},"$defs":{"o":{"patternProperties":{"a":{}},"additionalProperties":true}},"anyOf":[{"properties":{},"additionalProperties":false},{"const":{"properties":{}}}],"not":{"properties":{"a":{}}},"additionalProperties":false}"#
    )
    #expect(schema.withClosedObjects == closed)
  }

  @Test func endsWhiteSpace() throws {
    let constraint = try Constraint(schema: ["type": "array"], for: .bytes)
    #expect(constraint.accepts("[" + String(repeating: " ", count: 100) + "]"))
    #expect(!constraint.accepts("[" + String(repeating: " ", count: 101) + "]"))
  }

  /// Names come in the order of `properties`, but for those that two of them put in different orders.
  @Test func namesInTwoOrdersComeAnywhere() throws {
    let kinds: [JSONValue] = [
      ["properties": ["kind": ["const": 1], "b": ["type": "integer"], "c": ["type": "integer"]]],
      ["properties": ["kind": ["const": 2], "c": ["type": "integer"], "b": ["type": "integer"]]],
    ]
    let schema: JSONValue = ["type": "object", "oneOf": .array(kinds), "required": ["kind", "b"]]
    let constraint = try Constraint(schema: schema, for: .bytes)
    for members in [#""b":1,"c":2"#, #""c":1,"b":2"#, #""b":1"#] {
      for kind in 1...2 { #expect(constraint.accepts(#"{"kind":\#(kind),\#(members)}"#), "\(members)") }
    }
    for text in [
      #"{"b":1,"kind":1}"#, #"{"kind":1,"c":2}"#, #"{"kind":1,"b":1,"c":2,"b":3}"#, #"{"kind":1,"c":"x","b":1}"#,
    ] {
      #expect(!constraint.accepts(text), "\(text)")
    }
  }

  /// A member that may come anywhere comes once: another one cannot make good what it left open.
  @Test func namesWithoutOrderComeOnce() throws {
    let kinds: [JSONValue] = [
      ["properties": ["a": true, "b": ["enum": [1, 3]]]], ["properties": ["b": ["enum": [2, 3]], "a": true]],
    ]
    let constraint = try Constraint(schema: ["type": "object", "oneOf": .array(kinds)], for: .bytes)
    for text in [#"{"b":1}"#, #"{"b":2,"a":0}"#, #"{"a":0,"b":1}"#] { #expect(constraint.accepts(text), "\(text)") }
    var cursor = constraint.makeCursor()
    let isAccepted = cursor.accept(Array(#"{"b":3"#.utf8))
    #expect(!isAccepted)
  }

  /// Names that were in one object are free in another, also where members were counted for a while.
  @Test(arguments: [
    #"{"not":{"maxProperties":0},"type":"object"}"#, #"{"type":"object","oneOf":[{},{"maxProperties":0}]}"#,
    #"{"type":"object","anyOf":[{"minProperties":1},{"required":["q"]}]}"#,
  ])
  func namesOfOneObjectAreFreeInAnother(_ schema: String) throws {
    let objects: JSONValue = ["type": "array", "items": try JSONValue(parsing: schema)]
    let constraint = try Constraint(schema: objects, for: .bytes)
    for text in [#"[{"c":1},{"d":1,"c":1}]"#, #"[{"a":1,"c":1},{"b":1,"a":1}]"#, #"[{"q":1}]"#] {
      #expect(constraint.accepts(text), "\(text)")
    }
    #expect(!constraint.accepts(#"[{"b":1,"a":1},{"a":1,"a":1}]"#))
  }

  /// Without `minContains` there must be one, which `maxContains` of none forbids (Validation, 6.4.5).
  @Test func nothingContainsAtMostNone() throws {
    let constraint = try Constraint(schema: ["contains": ["type": "number"], "maxContains": 0], for: .bytes)
    #expect(constraint.accepts("1") && !constraint.accepts("[]") && !constraint.accepts(#"["a"]"#))
    let least = try Constraint(
      schema: ["contains": ["type": "number"], "minContains": 0, "maxContains": 0], for: .bytes)
    #expect(least.accepts(#"["a"]"#) && !least.accepts("[1]"))
  }

  /// The required tests of the JSON Schema Test Suite that are about JSON text, but for where members come in another order
  /// than the schema names them. What is not held is refused, never accepted.
  @Test func agreesWithTheTestSuite() throws {
    let groups = try TextFixtures.json(TextFixtures.folder.appending(path: "schemas/draft2020-12.json")).array ?? []
    var (refused, misses) = ([String: Int](), Set<String>())
    for group in groups {
      let (file, name) = (group["file"]?.string ?? "", group["description"]?.string ?? "")
      let tests = group["tests"]?.array ?? []
      let constraint: Constraint
      do {
        constraint = try Constraint(schema: group["schema"] ?? .null, for: .bytes)
      } catch {
        if tests.contains(where: { $0["valid"]?.bool == true }) { refused[file, default: 0] += 1 }
        continue
      }
      for test in tests {
        let text = (test["data"] ?? .null).serialized()
        let isAccepted = constraint.accepts(text)
        if test["valid"]?.bool == false { #expect(!isAccepted, "\(file), \(name): \(text)") }
        if test["valid"]?.bool == true, !isAccepted { misses.insert("\(name): \(text)") }
      }
    }
    #expect(groups.count > 300)
    #expect(misses.count <= 7, "\(misses)")
    let others = refused.filter { !["dynamicRef", "ref", "anchor", "defs"].contains($0.key) }
    // These have a reference that depends on the way to it.
    #expect(others == ["unevaluatedItems": 1, "unevaluatedProperties": 1], "\(others)")
  }
}
