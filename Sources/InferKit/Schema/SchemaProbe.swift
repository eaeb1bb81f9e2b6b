/// A decoder from nothing, which writes down what a type asks for.
final class SchemaProbe: Decoder {
  let codingPath: [any CodingKey]
  let builder: SchemaBuilder
  var userInfo: [CodingUserInfoKey: Any] { [:] }
  /// The members that were asked for.
  private var properties: JSONObject?
  private var required: [String] = []
  /// The schema of a type that is one value.
  fileprivate var single: JSONValue?

  init(_ builder: SchemaBuilder, at path: [any CodingKey]) {
    self.builder = builder
    codingPath = path
  }

  /// The schema of what was asked for; `nil` when that is nothing.
  var schema: JSONValue? {
    guard let properties else { return single }
    return [
      "type": "object", "properties": .object(properties), "required": .array(required.map(JSONValue.string)),
      "additionalProperties": false,
    ]
  }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
    properties = properties ?? [:]
    return KeyedDecodingContainer(KeyedProbe<Key>(probe: self))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    throw SchemaError(codingPath, "is decoded element by element, which tells no schema; expected an array")
  }

  func singleValueContainer() -> any SingleValueDecodingContainer { SingleProbe(probe: self) }

  fileprivate func member(_ key: any CodingKey, _ schema: JSONValue, isRequired: Bool) {
    let isNew = properties?.updateValue(schema, forKey: key.stringValue) == nil
    if isNew, isRequired { required.append(key.stringValue) }
  }
}

/// The members of an object that is not there.
private struct KeyedProbe<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let probe: SchemaProbe
  /// Members whose presence was asked for: they are optional.
  private let optional = Optionals()

  private final class Optionals { var keys: Set<String> = [] }

  init(probe: SchemaProbe) { self.probe = probe }

  var codingPath: [any CodingKey] { probe.codingPath }
  var allKeys: [Key] { [] }

  func contains(_ key: Key) -> Bool {
    optional.keys.insert(key.stringValue)
    return true
  }

  func decodeNil(forKey key: Key) -> Bool {
    optional.keys.insert(key.stringValue)
    return false
  }

  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
    guard let value = try describe(type, key, isRequired: !optional.keys.contains(key.stringValue)) else {
      throw SchemaBuilder.Recursion(type: ObjectIdentifier(type))
    }
    return value
  }

  func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
    try describe(type, key, isRequired: false)
  }

  private func describe<Value: Decodable>(_ type: Value.Type, _ key: Key, isRequired: Bool) throws -> Value? {
    let (schema, value) = try probe.builder.describe(type, at: codingPath + [key])
    probe.member(key, schema, isRequired: isRequired)
    return value
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    throw SchemaError(codingPath + [key], "is decoded in a container of its parent; expected a type of its own")
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    throw SchemaError(codingPath + [key], "is decoded element by element, which tells no schema; expected an array")
  }

  func superDecoder() throws -> any Decoder {
    throw SchemaError(codingPath, "decodes a superclass apart, which cannot be described")
  }

  func superDecoder(forKey key: Key) throws -> any Decoder { try superDecoder() }
}

/// A value that is not there.
private struct SingleProbe: SingleValueDecodingContainer {
  let probe: SchemaProbe

  var codingPath: [any CodingKey] { probe.codingPath }

  func decodeNil() -> Bool { false }

  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    let (schema, value) = try probe.builder.describe(type, at: codingPath)
    probe.single = schema
    guard let value else { throw SchemaBuilder.Recursion(type: ObjectIdentifier(type)) }
    return value
  }
}
