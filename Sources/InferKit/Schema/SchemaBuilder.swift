/// The description of types under way.
final class SchemaBuilder {
  /// A type that is described already further out.
  struct Recursion: Error {
    let type: ObjectIdentifier
  }

  /// The schemas of types that refer to themselves, by name.
  private(set) var definitions: JSONObject = [:]
  private var underWay: [ObjectIdentifier] = []
  /// The names of types that refer to themselves.
  private var names: [ObjectIdentifier: String] = [:]

  /// The schema of a type.
  ///
  /// - Throws: ``SchemaError``.
  func schema<Value: Decodable>(of type: Value.Type, at path: [any CodingKey]) throws -> JSONValue {
    if let shape = type as? any SchemaShape.Type { return try shape.schema(builder: self, at: path) }
    return try describe(type, at: path).schema
  }

  /// The schema of a type and a value to go on decoding with.
  ///
  /// - Throws: ``SchemaError``, and ``Recursion`` where there can be no value.
  func describe<Value: Decodable>(
    _ type: Value.Type, at path: [any CodingKey]
  ) throws -> (schema: JSONValue, value: Value?) {
    if let shape = type as? any SchemaShape.Type {
      return (try shape.schema(builder: self, at: path), shape.emptyValue as? Value)
    }
    if let provider = type as? any JSONSchemaProviding.Type {
      return (provider.jsonSchema, provider.placeholder as? Value)
    }
    if let values = try Self.rawValues(of: type, at: path) { return (["enum": .array(values.json)], values.first) }
    let id = ObjectIdentifier(type)
    if underWay.contains(id) { return (reference(to: type), nil) }
    underWay.append(id)
    defer { underWay.removeLast() }
    let probe = SchemaProbe(self, at: path)
    let value: Value
    do { value = try type.init(from: probe) } catch let error as SchemaError {
      throw error
    } catch is Recursion {
      throw SchemaError(path, "\(type) holds itself, so that it has no end")
    } catch {
      let fault = (error as? DecodingError)?.fault ?? "\(error)"
      throw SchemaError(
        path,
        "\(type) cannot be described by how it is decoded: \(fault); expected a type of plain members, an "
          + "enumeration that is CaseIterable and has raw values, or JSONSchemaProviding")
    }
    guard let schema = probe.schema else {
      throw SchemaError(path, "\(type) is decoded from nothing; expected members or a value")
    }
    guard let name = names[id] else { return (schema, value) }
    definitions[name] = schema
    return (reference(to: type), value)
  }

  /// A reference to the definition of a type, which there will be.
  private func reference(to type: any Decodable.Type) -> JSONValue {
    let id = ObjectIdentifier(type)
    let name = names[id] ?? unusedName("\(type)")
    names[id] = name
    return ["$ref": .string("#/$defs/\(name)")]
  }

  /// A name that no definition has, of letters that mean nothing in a reference.
  private func unusedName(_ text: String) -> String {
    let plain = String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    let used = Set(names.values)
    return used.contains(plain) ? "\(plain)_\(used.count)" : plain
  }

  /// The raw values of all cases of an enumeration, and the first case; `nil` for other types.
  private static func rawValues<Value>(
    of type: Value.Type, at path: [any CodingKey]
  ) throws -> (json: [JSONValue], first: Value)? {
    guard let cases = (type as? any CaseIterable.Type)?.everyCase, let first = cases.first as? Value,
      first is any RawRepresentable
    else { return nil }
    var values: [JSONValue] = []
    for value in cases {
      switch (value as? any RawRepresentable)?.anyRawValue {
      case let text as String: values.append(.string(text))
      case let number as any BinaryInteger: values.append(JSONValue(exactly: number))
      default: throw SchemaError(path, "the raw values of \(type) are neither texts nor integers")
      }
    }
    return (values, first)
  }
}

extension JSONValue {
  /// An integer of any width.
  init(exactly number: some BinaryInteger) {
    self = Int(exactly: number).map(JSONValue.integer) ?? LargeInteger("\(number)").map(JSONValue.largeInteger) ?? .null
  }
}

extension CaseIterable {
  fileprivate static var everyCase: [Any] { Array(allCases) }
}

extension RawRepresentable {
  fileprivate var anyRawValue: Any { rawValue }
}
