import InferCore

/// The messages of a chat, checked and brought into the one form that chat templates expect.
enum ChatMessages {
  /// Decodes `messages`: content becomes one string (text parts are joined by line breaks), `developer` is what
  /// templates call `system`, arguments of tool calls become the objects that their text holds, and members that only
  /// some templates read (`reasoning_content`, `tool_call_id`, `name`) are passed on.
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
    var members: JSONObject = [:]
    let role = try reader.required(string: "role")
    switch role {
    case "system", "developer", "user", "assistant", "tool": members["role"] = .string(role)
    default:
      throw reader.wrongValue("role", "must be system, developer, user, assistant or tool, not '\(role)'")
    }
    let content = try Self.content(reader)
    let calls = try toolCalls(reader)
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

  /// Earlier calls, with arguments as objects: templates print them in ways of their own.
  private static func toolCalls(_ reader: FieldReader) throws(APIError) -> JSONValue? {
    guard let elements = try reader.array("tool_calls") else { return nil }
    var calls: [JSONValue] = []
    for (index, element) in elements.enumerated() {
      let call = try FieldReader(element, path: "\(reader.name("tool_calls"))[\(index)]")
      let type = try call.string("type") ?? "function"
      guard type == "function" else {
        throw .unsupported(call.name("type"), "\(call.name("type")) is '\(type)', but only 'function' is supported.")
      }
      guard let function = try call.object("function") else {
        throw .invalid(
          call.name("function"), "\(call.name("function")) is required.", code: "missing_required_parameter")
      }
      var members: JSONObject = [:]
      members["id"] = try call.string("id").map(JSONValue.string)
      members["type"] = "function"
      members["function"] = [
        "name": .string(try function.required(string: "name")), "arguments": try arguments(function),
      ]
      calls.append(.object(members))
    }
    return .array(calls)
  }

  private static func arguments(_ function: FieldReader) throws(APIError) -> JSONValue {
    guard let value = function["arguments"] else { return [:] }
    if value.object != nil { return value }
    guard let text = value.string else { throw function.wrongType("arguments", value, expected: "a string of JSON") }
    if text.allSatisfy(\.isWhitespace) { return [:] }
    // What an earlier answer got wrong is shown to the model as it was.
    guard let object = try? JSONValue(parsing: text), object.object != nil else { return value }
    return object
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
