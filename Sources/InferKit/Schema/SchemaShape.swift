internal import Foundation

/// A type of the standard library whose schema is known.
protocol SchemaShape: Decodable {
  static func schema(builder: SchemaBuilder, at path: [any CodingKey]) throws -> JSONValue
  /// A value to go on decoding with; `nil` where there is none.
  static var emptyValue: Self? { get }
}

/// A type that is one of JSON's.
protocol ScalarShape: SchemaShape {
  static var schema: JSONValue { get }
}

extension ScalarShape {
  static func schema(builder: SchemaBuilder, at path: [any CodingKey]) throws -> JSONValue { schema }
}

extension FixedWidthInteger where Self: ScalarShape {
  static var schema: JSONValue {
    ["type": "integer", "minimum": JSONValue(exactly: min), "maximum": JSONValue(exactly: max)]
  }
  static var emptyValue: Self? { 0 }
}

extension Int: ScalarShape {}
extension Int8: ScalarShape {}
extension Int16: ScalarShape {}
extension Int32: ScalarShape {}
extension Int64: ScalarShape {}
extension UInt: ScalarShape {}
extension UInt8: ScalarShape {}
extension UInt16: ScalarShape {}
extension UInt32: ScalarShape {}
extension UInt64: ScalarShape {}

extension Bool: ScalarShape {
  static var schema: JSONValue { ["type": "boolean"] }
  static var emptyValue: Bool? { false }
}

extension String: ScalarShape {
  static var schema: JSONValue { ["type": "string"] }
  static var emptyValue: String? { "" }
}

extension BinaryFloatingPoint where Self: ScalarShape {
  /// Without limits, which would make every number a state of the constraint. No number that it allows is too large for a
  /// `Double`; a `Float` that is too large is not decoded.
  static var schema: JSONValue { ["type": "number"] }
}

extension Double: ScalarShape {
  static var emptyValue: Double? { 0 }
}

extension Float: ScalarShape {
  static var emptyValue: Float? { 0 }
}

extension Decimal: ScalarShape {
  /// Powers of ten up to 127, which is the largest exponent that is decoded.
  static var schema: JSONValue { ["type": "number", "minimum": -1e127, "maximum": 1e127] }
  static var emptyValue: Decimal? { 0 }
}

extension UUID: ScalarShape {
  static var schema: JSONValue { ["type": "string", "format": "uuid"] }
  static var emptyValue: UUID? { UUID() }
}

extension URL: ScalarShape {
  static var schema: JSONValue { ["type": "string", "format": "uri"] }
  static var emptyValue: URL? { URL(filePath: "/") }
}

extension Date: SchemaShape {
  static func schema(builder: SchemaBuilder, at path: [any CodingKey]) throws -> JSONValue {
    throw SchemaError(path, "a Date is decoded from seconds since 2001, which models do not count; expected a String")
  }
  static var emptyValue: Date? { nil }
}

extension Optional: SchemaShape where Wrapped: Decodable {
  static func schema(builder: SchemaBuilder, at path: [any CodingKey]) throws -> JSONValue {
    ["anyOf": [try builder.schema(of: Wrapped.self, at: path), ["type": "null"]]]
  }
  static var emptyValue: Wrapped?? { .some(.none) }
}

extension Array: SchemaShape where Element: Decodable {
  static func schema(builder: SchemaBuilder, at path: [any CodingKey]) throws -> JSONValue {
    ["type": "array", "items": try builder.schema(of: Element.self, at: path + [ElementKey()])]
  }
  static var emptyValue: [Element]? { [] }
}

extension Set: SchemaShape where Element: Decodable {
  static func schema(builder: SchemaBuilder, at path: [any CodingKey]) throws -> JSONValue {
    ["type": "array", "items": try builder.schema(of: Element.self, at: path + [ElementKey()])]
  }
  static var emptyValue: Set<Element>? { [] }
}

extension Dictionary: SchemaShape where Key: Decodable, Value: Decodable {
  static func schema(builder: SchemaBuilder, at path: [any CodingKey]) throws -> JSONValue {
    guard Key.self == String.self else {
      throw SchemaError(path, "the keys of a dictionary are \(Key.self), expected String")
    }
    return [
      "type": "object", "additionalProperties": try builder.schema(of: Value.self, at: path + [ElementKey()]),
    ]
  }
  static var emptyValue: [Key: Value]? { [:] }
}

/// The key of any element.
struct ElementKey: CodingKey {
  var stringValue: String { "" }
  var intValue: Int? { nil }

  init() {}
  init?(stringValue: String) { nil }
  init?(intValue: Int) { nil }
}
