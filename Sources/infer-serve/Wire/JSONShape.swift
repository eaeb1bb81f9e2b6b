import InferCore
import InferText

/// The form of a JSON value: the type, bounds and choices that decoders hold a field to, and what OpenAPI tells of it.
indirect enum JSONShape: Sendable {
  case any
  case null
  case boolean
  case string
  /// One of these strings.
  case choice([String])
  /// An integer in a range, or one of a few others.
  case integer(ClosedRange<Int>, or: [Int])
  case number(NumberBounds)
  case array(JSONShape, count: ClosedRange<Int>)
  /// An object with these members, in order, and any others.
  case object([Member])
  /// An object whose members, whatever their names, have one shape.
  case map(JSONShape)
  /// One of these values.
  case values([JSONValue])
  case either([JSONShape])
  case described(JSONShape, String)

  /// A member of an object.
  struct Member: Sendable {
    var name: String
    var shape: JSONShape
    var isRequired = true
  }

  /// The bounds of a number.
  struct NumberBounds: Sendable, CustomStringConvertible {
    var range: ClosedRange<Double>
    /// Whether the lower bound itself is too low.
    var isAboveLower = false

    var description: String {
      let (lower, upper) = (range.lowerBound, range.upperBound)
      return isAboveLower ? "above \(lower) and at most \(upper)" : "between \(lower) and \(upper)"
    }

    func contains(_ number: Double) -> Bool {
      range.contains(number) && (number > range.lowerBound || !isAboveLower)
    }
  }

  /// Any integer.
  static let integer = JSONShape.integer(.min ... .max, or: [])
  /// Any number.
  static let number = JSONShape.number(NumberBounds(range: -.infinity ... .infinity))

  static func integer(_ range: ClosedRange<Int>) -> JSONShape { .integer(range, or: []) }

  static func number(_ range: ClosedRange<Float>) -> JSONShape {
    .number(NumberBounds(range: (Double("\(range.lowerBound)") ?? 0)...(Double("\(range.upperBound)") ?? 0)))
  }

  static func array(_ element: JSONShape) -> JSONShape { .array(element, count: 0 ... .max) }

  /// An array with a maximum length.
  static func array(_ element: JSONShape, atMost limit: Int) -> JSONShape { .array(element, count: 0...limit) }

  /// An object; members whose names end in `?` may be absent.
  static func object(_ members: KeyValuePairs<String, JSONShape>) -> JSONShape {
    .object(
      members.map { name, shape in
        name.last == "?"
          ? Member(name: String(name.dropLast()), shape: shape, isRequired: false)
          : Member(name: name, shape: shape)
      })
  }

  /// This shape, or `null`.
  var orNull: JSONShape { .either([self, .null]) }

  /// The shape without its description.
  var bare: JSONShape { if case .described(let shape, _) = self { shape.bare } else { self } }
}

extension JSONShape {
  /// The JSON Schema.
  var schema: JSONValue {
    switch self {
    case .any: [:]
    case .null: ["type": "null"]
    case .boolean: ["type": "boolean"]
    case .string: ["type": "string"]
    case .choice(let names): ["type": "string", "enum": .array(names.map(JSONValue.string))]
    case .integer(let range, let others): Self.schema(range, others)
    case .number(let bounds): Self.schema(bounds)
    case .array(let element, let count): Self.schema(element, count)
    case .object(let members): Self.schema(members)
    case .map(let shape): ["type": "object", "additionalProperties": shape.schema]
    case .values(let values): ["enum": .array(values)]
    case .either(let shapes): Self.schema(anyOf: shapes)
    case .described(let shape, let text): shape.schema.with("description", .string(text))
    }
  }

  private static func schema(_ range: ClosedRange<Int>, _ others: [Int]) -> JSONValue {
    var members: JSONObject = ["type": "integer"]
    if range.lowerBound > .min { members["minimum"] = .integer(range.lowerBound) }
    if range.upperBound < .max { members["maximum"] = .integer(range.upperBound) }
    guard !others.isEmpty else { return .object(members) }
    return ["anyOf": [.object(members), ["enum": .array(others.map { JSONValue.integer($0) })]]]
  }

  private static func schema(_ bounds: NumberBounds) -> JSONValue {
    var members: JSONObject = ["type": "number"]
    let (lower, upper) = (bounds.range.lowerBound, bounds.range.upperBound)
    if lower.isFinite { members[bounds.isAboveLower ? "exclusiveMinimum" : "minimum"] = .number(lower) }
    if upper.isFinite { members["maximum"] = .number(upper) }
    return .object(members)
  }

  private static func schema(_ element: JSONShape, _ count: ClosedRange<Int>) -> JSONValue {
    var members: JSONObject = ["type": "array", "items": element.schema]
    if count.lowerBound > 0 { members["minItems"] = .integer(count.lowerBound) }
    if count.upperBound < .max { members["maxItems"] = .integer(count.upperBound) }
    return .object(members)
  }

  private static func schema(_ members: [Member]) -> JSONValue {
    var properties: JSONObject = [:]
    for member in members { properties[member.name] = member.shape.schema }
    let required = members.filter(\.isRequired).map { JSONValue.string($0.name) }
    let schema: JSONValue = ["type": "object", "properties": .object(properties)]
    return required.isEmpty ? schema : schema.with("required", .array(required))
  }

  /// A type beside `null` is a list of types, which readers show best; all else are alternatives.
  private static func schema(anyOf shapes: [JSONShape]) -> JSONValue {
    if shapes.count == 2, case .null = shapes[1] {
      if case .described(let shape, let text) = shapes[0] {
        return shape.orNull.schema.with("description", .string(text))
      }
      if case .any = shapes[0] { return [:] }
      var schema = shapes[0].schema
      if let type = schema["type"]?.string {
        schema["type"] = [.string(type), "null"]
        if let values = schema["enum"]?.array { schema["enum"] = .array(values + [.null]) }
        return schema
      }
    }
    return ["anyOf": .array(shapes.map(\.schema))]
  }
}

extension JSONValue {
  /// This object with one more member.
  func with(_ name: String, _ member: JSONValue) -> JSONValue {
    var copy = self
    copy[name] = member
    return copy
  }
}
