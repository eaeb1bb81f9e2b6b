import Foundation
import InferCore
import InferText

/// The items of a request's `input` to `POST /v1/responses`, each with an id, in the form that `input_items` lists them.
struct ResponsesItems {
  /// The items, references resolved.
  private(set) var items: [JSONValue] = []

  /// Decodes `input`: a string, or a list of items.
  ///
  /// - Parameters:
  ///   - reader: The request's fields.
  ///   - response: The id of the response that answers, from which ids of items are made.
  ///   - references: Items that are referred to, by their ids.
  init(
    _ reader: FieldReader, response: ResponseID, references: TextDictionary<JSONValue> = [:]
  ) throws(APIError) {
    guard let input = reader["input"] else {
      throw .invalid("input", "input is required.", code: "missing_required_parameter")
    }
    if let text = input.string {
      items = [Self.message("user", [["type": "input_text", "text": .string(text)]], id: response.input(0))]
      return
    }
    guard let elements = input.array else {
      throw reader.wrongType("input", input, expected: "a string or an array of items")
    }
    guard !elements.isEmpty else { throw reader.wrongValue("input", "must not be empty") }
    for (index, element) in elements.enumerated() {
      let item = try FieldReader(element, path: "input[\(index)]")
      items.append(try Self.item(item, element, id: response.input(index), references))
    }
  }

  /// The ids of items that an input refers to.
  static func references(_ reader: FieldReader) throws(APIError) -> [String] {
    var found: [String] = []
    for (index, element) in (reader["input"]?.array ?? []).enumerated() {
      guard element["type"] == "item_reference" else { continue }
      let item = try FieldReader(element, path: "input[\(index)]")
      found.append(try item.required(string: "id"))
    }
    return found
  }

  private static func item(
    _ item: FieldReader, _ value: JSONValue, id: String, _ references: TextDictionary<JSONValue>
  ) throws(APIError) -> JSONValue {
    let type = try item.string("type") ?? "message"
    var members = value.object ?? [:]
    members["type"] = .string(type)
    members["id"] = .string(try item.string("id").flatMap { $0.isEmpty ? nil : $0 } ?? id)
    switch type {
    case "message":
      let role = try item.required(string: "role")
      guard ["user", "assistant", "system", "developer"].containsExactly(role) else {
        throw item.wrongValue("role", "must be user, assistant, system or developer, not '\(role)'")
      }
      guard let content = item["content"] else { throw required(item, "content") }
      _ = try MessageContent(item)
      if let text = content.string {
        members["content"] =
          role == "assistant"
          ? [["type": "output_text", "text": .string(text), "annotations": .array([])]]
          : [["type": "input_text", "text": .string(text)]]
      }
      members["status"] = members["status"] ?? "completed"
    case "function_call":
      _ = (try item.required(string: "call_id"), try item.required(string: "name"))
      _ = try ChatMessages.arguments(item)
      members["status"] = members["status"] ?? "completed"
    case "custom_tool_call":
      _ = (try item.required(string: "call_id"), try item.required(string: "name"))
      _ = try item.required(string: "input")
    case "function_call_output", "custom_tool_call_output":
      _ = try item.required(string: "call_id")
      _ = try output(item)
      members["status"] = members["status"] ?? "completed"
    case "reasoning": _ = try reasoning(item)
    case "item_reference":
      let name = try item.required(string: "id")
      guard let found = references[name] else {
        throw APIError(
          status: 404, message: "\(item.name("id")) is '\(name)', which no item of a stored response has.",
          type: "invalid_request_error", parameter: item.name("id"), code: "item_not_found")
      }
      return found
    default:
      throw .unsupported(
        item.name("type"),
        "\(item.name("type")) is '\(type)', which is not supported; items are messages, function calls with their "
          + "outputs, and reasoning.")
    }
    return .object(members)
  }

  private static func message(_ role: String, _ content: JSONValue, id: String) -> JSONValue {
    ["type": "message", "id": .string(id), "role": .string(role), "status": "completed", "content": content]
  }

  private static func required(_ item: FieldReader, _ key: String) -> APIError {
    .invalid(item.name(key), "\(item.name(key)) is required.", code: "missing_required_parameter")
  }

  /// The text of a call's output: a string, or parts of text.
  static func output(_ item: FieldReader) throws(APIError) -> String {
    guard let output = item["output"] else { throw required(item, "output") }
    var content = item
    content.alias("content", path: item.name("output"), output)
    return try MessageContent(content).text ?? ""
  }

  // MARK: Reasoning

  /// The mark of reasoning that this server has written as `encrypted_content`.
  private static let seal = "infer-serve:"

  /// Reasoning in the form of `encrypted_content`: clients pass it on unread, also those that drop the text.
  static func sealed(_ text: String) -> String { seal + Data(text.utf8).base64EncodedString() }

  /// The text of an item of reasoning: its content, or what this server has sealed, or else its summary. What another
  /// provider has sealed is of no use here.
  static func reasoning(_ item: FieldReader) throws(APIError) -> String {
    let content = try texts(item, "content")
    if !content.isEmpty { return content.joined(separator: "\n") }
    if let text = try item.string("encrypted_content"), text.hasPrefix(seal),
      let data = Data(base64Encoded: String(text.dropFirst(seal.count)))
    {
      return String(decoding: data, as: UTF8.self)
    }
    return try texts(item, "summary").joined(separator: "\n")
  }

  private static func texts(_ item: FieldReader, _ key: String) throws(APIError) -> [String] {
    var texts: [String] = []
    for (index, part) in (try item.array(key) ?? []).enumerated() {
      texts.append(try FieldReader(part, path: "\(item.name(key))[\(index)]").required(string: "text"))
    }
    return texts
  }
}

/// The id of a response, from which the ids of its items follow, so that an item leads to its response.
struct ResponseID: Sendable, Equatable {
  /// The part behind `resp_`.
  let digits: String

  private static let mark = "resp_"

  /// A new id.
  init() { digits = String(Identifier.make("", separator: "")) }

  /// The id of the response that has an item.
  init?(ofItem id: String) {
    let parts = id.split(separator: "_", omittingEmptySubsequences: false)
    guard parts.count == 3 else { return nil }
    digits = String(parts[1])
  }

  /// The id itself.
  var text: String { Self.mark + digits }

  /// The id of an item of the output.
  func output(_ kind: String, _ index: Int) -> String { "\(kind)_\(digits)_\(index)" }

  /// The id of an item of the input.
  func input(_ index: Int) -> String { "in_\(digits)_\(index)" }
}
