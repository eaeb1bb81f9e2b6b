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
          "set": ["type": "array", "items": ["type": "integer", "minimum": 0]],
          "identifier": ["type": "string", "format": "uuid"],
        ],
        "required": ["colour", "inner", "list", "matrix", "counts", "link", "holes", "set"],
        "additionalProperties": false,
      ])
    // The engine can hold what is described.
    let tokenizer = try Tokenizer(folder: TinyModel.folder)
    _ = try Constraint(schema: schema, for: MaskVocabulary(tokenizer))
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
    #expect(problem(Outer<Date>.self)?.path == "parts.[].part")
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
