internal import Foundation

/// A Swift function that a model may call.
///
/// ```swift
/// struct Place: Codable { let city: String }
/// let weather = try Tool("weather", "The weather in a city.") { (place: Place) in
///   try await temperature(in: place.city)
/// }
/// ```
public struct Tool: Sendable {
  /// The name that the model calls.
  public let name: String
  /// The sentence by which the model knows when to call it.
  public let description: String
  /// The JSON Schema of its arguments.
  public let parameters: JSONValue
  private let body: @Sendable (String) async throws -> String

  /// Creates a tool from a function of one value, whose members are the tool's parameters.
  ///
  /// - Parameters:
  ///   - name: The name that the model calls.
  ///   - description: The sentence by which the model knows when to call it.
  ///   - parameterDescriptions: Sentences about parameters, by name.
  ///   - body: The function. A result that is a `String` is told the model as it is, any other as JSON. An error is told the
  ///     model by its description.
  /// - Throws: ``SchemaError`` for arguments that cannot be described, or are no object.
  public init<Arguments: Decodable & SendableMetatype, Output: Encodable & SendableMetatype>(
    _ name: String, _ description: String, parameterDescriptions: [String: String] = [:],
    _ body: @escaping @Sendable (Arguments) async throws -> Output
  ) throws(SchemaError) {
    var parameters = try JSONSchema(describing: Arguments.self).json
    guard parameters["properties"]?.object != nil else {
      throw SchemaError(
        path: "", reason: "\(Arguments.self) has no members, which are what a tool's parameters are")
    }
    for (parameter, sentence) in parameterDescriptions {
      guard parameters["properties"]?[parameter] != nil else {
        throw SchemaError(path: parameter, reason: "is described, but no member of \(Arguments.self)")
      }
      parameters["properties"]?[parameter]?["description"] = .string(sentence)
    }
    self.name = name
    self.description = description
    self.parameters = parameters
    self.body = { try Self.text(of: try await body(try $0.decoded(as: Arguments.self))) }
  }

  /// Creates a tool from a function without parameters.
  ///
  /// - Parameters:
  ///   - name: The name that the model calls.
  ///   - description: The sentence by which the model knows when to call it.
  ///   - body: The function, whose result is told the model as that of the other initializer.
  public init<Output: Encodable & SendableMetatype>(
    _ name: String, _ description: String, _ body: @escaping @Sendable () async throws -> Output
  ) {
    self.name = name
    self.description = description
    parameters = ["type": "object", "properties": [:], "additionalProperties": false]
    self.body = { _ in try Self.text(of: try await body()) }
  }

  /// A result as the model is told it.
  private static func text(of output: some Encodable) throws -> String {
    if let text = output as? String { return text }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(output), as: UTF8.self)
  }

  /// The tool as chat templates read it.
  var json: JSONValue {
    [
      "type": "function",
      "function": ["name": .string(name), "description": .string(description), "parameters": parameters],
    ]
  }

  /// Calls the function, and returns what the model is told.
  ///
  /// - Throws: `CancellationError` in a cancelled task, and nothing else.
  func result(of call: ToolCall) async throws -> String {
    do {
      return try await body(call.arguments.serialized())
    } catch let error as DecodingError {
      return "error: the arguments of \(name) are wrong: \(error.fault)"
    } catch {
      try Task.checkCancellation()
      return "error: \(error)"
    }
  }
}

extension DecodingError {
  /// The fault and its place, in a line.
  var fault: String {
    let (context, key): (Context, (any CodingKey)?) =
      switch self {
      case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context): (context, nil)
      case .keyNotFound(let key, let context): (context, key)
      @unknown default: (Context(codingPath: [], debugDescription: "\(self)"), nil)
      }
    let place = (context.codingPath + (key.map { [$0] } ?? [])).place
    return place.isEmpty ? context.debugDescription : "\(place): \(context.debugDescription)"
  }
}

extension [any CodingKey] {
  /// The path, as in `people[2].name`, or `people[].name` of any element.
  var place: String {
    reduce("") { path, key in
      if key is ElementKey { return "\(path)[]" }
      if let index = key.intValue { return "\(path)[\(index)]" }
      return path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)"
    }
  }
}
