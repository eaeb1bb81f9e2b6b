internal import Foundation

/// The JSON Schema of a Swift type, made from the way in which the type is decoded.
///
/// The type is decoded once from nothing: what it asks for is written down. Structures and classes become objects, whose
/// optional members may be absent; arrays and sets arrays; dictionaries objects; enumerations with raw values that are
/// `CaseIterable` their values. Types that refer to themselves, in arrays or optionals, are described as well.
public struct JSONSchema: Sendable {
  /// The schema.
  public let json: JSONValue

  /// Describes a type.
  ///
  /// - Throws: ``SchemaError`` with the place of what cannot be described.
  public init<Value: Decodable>(describing type: Value.Type) throws(SchemaError) {
    let builder = SchemaBuilder()
    do {
      var json = try builder.schema(of: type, at: [])
      if !builder.definitions.isEmpty { json["$defs"] = .object(builder.definitions) }
      self.json = json
    } catch let error as SchemaError {
      throw error
    } catch {
      throw SchemaError(path: "", reason: "\(type) cannot be described: \(error)")
    }
  }
}

/// A type with a JSON Schema of its own, for types whose decoding does not show it.
public protocol JSONSchemaProviding: Decodable {
  /// The schema of a value.
  static var jsonSchema: JSONValue { get }
  /// Any valid value.
  static var placeholder: Self { get }
}

/// A type that cannot be described by a JSON Schema.
public struct SchemaError: DescribedError, Equatable {
  /// The coding path of what cannot be described, as in `people[].name`; empty for the type itself.
  public let path: String
  /// The fault.
  public let reason: String

  init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }

  init(_ path: [any CodingKey], _ reason: String) { self.init(path: path.place, reason: reason) }

  /// One line for people.
  public var description: String { path.isEmpty ? reason : "\(path): \(reason)" }
}
