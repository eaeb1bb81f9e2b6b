import InferCore
import OrderedCollections

/// The messages of a chat, checked and brought into the one form that chat templates expect.
enum ChatMessages {
  /// Decodes `messages`: content becomes one string (text parts are joined by line breaks), `developer` is what
  /// templates call `system`, and members that only some templates read (`reasoning_content`, `tool_calls`,
  /// `tool_call_id`, `name`) are passed on.
  static func decode(_ reader: FieldReader) throws(APIError) -> JSONValue {
    guard let messages = try reader.array("messages") else {
      throw .invalid("messages", "messages is required.", code: "missing_required_parameter")
    }
    guard !messages.isEmpty else { throw .invalid("messages", "messages must not be empty.", code: "invalid_value") }
    var decoded: [JSONValue] = []
    for (index, message) in messages.enumerated() {
      decoded.append(try Self.message(FieldReader(message, path: "messages[\(index)]")))
    }
    return .array(decoded)
  }

  private static func message(_ reader: FieldReader) throws(APIError) -> JSONValue {
    var members: OrderedDictionary<String, JSONValue> = [:]
    let role = try reader.required(string: "role")
    switch role {
    case "system", "user", "assistant", "tool": members["role"] = .string(role)
    case "developer": members["role"] = "system"
    default:
      throw reader.wrongValue("role", "must be system, developer, user, assistant or tool, not '\(role)'")
    }
    let content = try Self.content(reader)
    let calls = try reader.array("tool_calls").map { .array($0) as JSONValue }
    guard content != nil || (role == "assistant" && calls != nil) else {
      throw .invalid(
        reader.name("content"), "\(reader.name("content")) is required.", code: "missing_required_parameter")
    }
    members["content"] = .string(content ?? "")
    members["reasoning_content"] = try reader.string("reasoning_content").map(JSONValue.string)
    members["tool_calls"] = calls
    members["tool_call_id"] = try reader.string("tool_call_id").map(JSONValue.string)
    members["name"] = try reader.string("name").map(JSONValue.string)
    return .object(members)
  }

  private static func content(_ reader: FieldReader) throws(APIError) -> String? {
    guard let value = reader["content"] else { return nil }
    if let text = value.string { return text }
    guard let parts = value.array else {
      throw reader.wrongType("content", value, expected: "a string or an array of text parts")
    }
    var texts: [String] = []
    for (index, part) in parts.enumerated() {
      let part = try FieldReader(part, path: "\(reader.name("content"))[\(index)]")
      let type = try part.required(string: "type")
      guard type == "text" else {
        throw .unsupported(part.name("type"), "\(part.name("type")) is '\(type)', but only 'text' is supported.")
      }
      texts.append(try part.required(string: "text"))
    }
    return texts.joined(separator: "\n")
  }
}
