import Foundation
import InferKit
import Testing

/// Schemas of Swift types.
@Suite struct JSONSchemaTests {
  private struct Everything: Codable {
    enum Colour: String, Codable, CaseIterable { case red, green }
    enum Size: Int, Codable, CaseIterable { case small = 1, large = 5 }
    struct Inner: Codable { let name: String }

    let colour: Colour
    let size: Size?
    let inner: Inner
    let list: [Inner]
    let matrix: [[Double]]
    let counts: [String: Int16]
    let link: URL
    let holes: [Bool?]
    let set: Set<UInt64>
    let id: UUID?

    enum CodingKeys: String, CodingKey {
      case colour, size, inner, list, matrix, counts, link, holes, set
      case id = "identifier"
    }
  }

  @Test func typesAreDescribed() throws {
    let schema = try JSONSchema(describing: Everything.self).json
    let inner: JSONValue = [
      "type": "object", "properties": ["name": ["type": "string"]], "required": ["name"], "additionalProperties": false,
    ]
    #expect(
      schema == [
        "type": "object",
        "properties": [
          "colour": ["enum": ["red", "green"]], "size": ["enum": [1, 5]], "inner": inner,
          "list": ["type": "array", "items": inner],
          "matrix": ["type": "array", "items": ["type": "array", "items": ["type": "number"]]],
          "counts": [
            "type": "object", "additionalProperties": ["type": "integer", "minimum": -32768, "maximum": 32767],
          ],
          "link": ["type": "string", "format": "uri"],
          "holes": ["type": "array", "items": ["anyOf": [["type": "boolean"], ["type": "null"]]]],
          "set": [
            "type": "array",
            "items": ["type": "integer", "minimum": 0, "maximum": try JSONValue(parsing: "18446744073709551615")],
          ],
          "identifier": ["type": "string", "format": "uuid"],
        ],
        "required": ["colour", "inner", "list", "matrix", "counts", "link", "holes", "set"],
        "additionalProperties": false,
      ])
    // The engine can hold what is described.
    let tokenizer = try Tokenizer(folder: TinyModel.folder)
    _ = try Constraint(schema: schema, for: MaskVocabulary(tokenizer))
  }

  private enum Large: UInt64, Codable, CaseIterable { case most = 18_446_744_073_709_551_615 }

  @Test func rawValuesOfAnyWidthAreExact() throws {
    #expect(
      try JSONSchema(describing: Large.self).json == ["enum": [JSONValue(parsing: "18446744073709551615")]])
  }

  /// Numbers of a type, and ones next to them that are none of its own.
  private static func borders<Value: FixedWidthInteger>(_ type: Value.Type) -> (inside: [String], outside: [String]) {
    let (least, most) = ("\(Value.min)", "\(Value.max)")
    let above = "\(Int128(Value.max) + 1)"
    return (
      [least, most, most + ".0", "0", "7e0", "-0"], ["\(Int128(Value.min) - 1)", above, above + ".0", "0.5", "1e20"]
    )
  }

  private static func check<Value: Decodable & Sendable>(
    _ type: Value.Type, _ texts: (inside: [String], outside: [String])
  ) throws {
    let vocabulary = MaskVocabulary(size: 1, [])
    let constraint = try Constraint(schema: JSONSchema(describing: type).json, for: vocabulary)
    for (text, isInside) in texts.inside.map({ ($0, true) }) + texts.outside.map({ ($0, false) }) {
      var cursor = constraint.makeCursor()
      let isAccepted = cursor.accept(text.utf8) && cursor.mayEnd
      #expect(isAccepted == isInside, "\(text) as \(type)")
      let isDecoded = (try? text.decoded(as: type)) != nil
      #expect(isDecoded == isInside, "\(text) decoded as \(type)")
    }
  }

  @Test func whatIsWithinTheLimitsIsDecodedAndNothingElse() throws {
    try Self.check(Int.self, Self.borders(Int.self))
    try Self.check(Int8.self, Self.borders(Int8.self))
    try Self.check(Int16.self, Self.borders(Int16.self))
    try Self.check(Int32.self, Self.borders(Int32.self))
    try Self.check(Int64.self, Self.borders(Int64.self))
    try Self.check(UInt.self, Self.borders(UInt.self))
    try Self.check(UInt8.self, Self.borders(UInt8.self))
    try Self.check(UInt16.self, Self.borders(UInt16.self))
    try Self.check(UInt32.self, Self.borders(UInt32.self))
    try Self.check(UInt64.self, Self.borders(UInt64.self))
    try Self.check(
      Double.self,
      (["9.9e307", "-9.9e307", "1.5e-400", "0.1"], ["1.7976931348623159e308", "-1.8e308"]))
    try Self.check(Float.self, (["3.4028234e38", "-3.4028234e38", "1.5e-60", "0.1"], ["1.8e308"]))
    try Self.check(Decimal.self, (["1.0e127", "-1.0e127", "0.1"], ["1.0e166", "-1.0e166"]))
  }

  private final class Node: Codable {
    let name: String
    let next: Node?
    let others: [Node]
  }

  @Test func typesThatReferToThemselvesAreDescribed() throws {
    #expect(
      try JSONSchema(describing: Node.self).json == [
        "$ref": "#/$defs/Node",
        "$defs": [
          "Node": [
            "type": "object",
            "properties": [
              "name": ["type": "string"], "next": ["$ref": "#/$defs/Node"],
              "others": ["type": "array", "items": ["$ref": "#/$defs/Node"]],
            ],
            "required": ["name", "others"], "additionalProperties": false,
          ]
        ],
      ])
  }

  private struct Outer<Part: Codable>: Codable {
    struct Middle: Codable { let part: Part }
    let parts: [Middle]
  }
  private enum Shape: Codable { case circle(radius: Double), dot }
  private enum Name: String, Codable { case anna }
  private final class Endless: Codable { let next: Endless }

  @Test func whatCannotBeDescribedIsNamedWithItsPlace() {
    func problem(_ type: (some Codable).Type) -> SchemaError? {
      do { _ = try JSONSchema(describing: type) } catch { return error }
      return nil
    }
    #expect(problem(Outer<Date>.self)?.path == "parts[].part")
    #expect(problem(Outer<Date>.self)?.reason.contains("Date") == true)
    #expect(problem(Outer<Shape>.self)?.reason.contains("Shape cannot be described") == true)
    #expect(problem(Outer<Name>.self)?.reason.contains("Name cannot be described") == true)
    #expect(problem(Outer<[Int: String]>.self)?.reason == "the keys of a dictionary are Int, expected String")
    #expect(problem(Outer<Endless>.self)?.reason == "Endless holds itself, so that it has no end")
  }

  private struct Even: JSONSchemaProviding, Codable {
    static let jsonSchema: JSONValue = ["type": "integer", "multipleOf": 2]
    static let placeholder = Even()
  }

  @Test func aTypeMayHaveASchemaOfItsOwn() throws {
    #expect(try JSONSchema(describing: [Even].self).json["items"] == Even.jsonSchema)
  }
}
