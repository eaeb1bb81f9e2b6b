import InferCore
import InferText

/// The messages of a chat, checked and brought into the one form that chat templates expect.
enum ChatMessages {
  /// Decodes `messages`: content becomes one string (see ``MessageContent``), `developer` is what templates call `system`
  /// and `function` what they call `tool`, arguments of calls become the objects that their text holds, and members that
  /// only some templates read (`reasoning_content`, `tool_call_id`, `name`) are passed on; `tool_name` is Ollama's word for
  /// the name of what answers. Members that are `null` or
  /// unknown, and empty lists of calls, are as good as absent.
  static func decode(_ reader: FieldReader) throws(APIError) -> JSONValue {
    guard let messages = try reader.array("messages") else { throw reader.missing("messages") }
    guard !messages.isEmpty else { throw .invalid("messages", "messages must not be empty.", code: "invalid_value") }
    var decoded: [JSONValue] = []
    for (index, message) in messages.enumerated() {
      decoded.append(try Self.message(FieldReader(message, path: "messages[\(index)]")))
    }
    return .array(decoded)
  }

  /// Whether the answer goes on with the last message, because that is wanted or because the message says so itself, as
  /// DeepSeek's API (`prefix`) and Moonshot's (`partial`) have it.
  ///
  /// - Parameter messages: The messages as they have been decoded.
  static func continuesLast(
    _ reader: FieldReader, _ messages: JSONValue, isWanted: Bool
  ) throws(APIError) -> Bool {
    let count = messages.array?.count ?? 0
    var isWanted = isWanted
    for (index, message) in (try reader.array("messages") ?? []).enumerated() {
      let message = try FieldReader(message, path: "messages[\(index)]")
      for name in ["prefix", "partial"] where try message.bool(name) ?? false {
        guard index == count - 1, messages[index]?["role"] == "assistant" else {
          throw message.wrongValue(name, "can be true in the last message only, and in one of the assistant")
        }
        isWanted = true
      }
    }
    guard isWanted else { return false }
    let last = try FieldReader(messages[count - 1] ?? .null, path: "messages[\(count - 1)]")
    guard canContinue(messages[count - 1]) else {
      throw last["tool_calls"] == nil
        ? last.wrongValue("content", "is empty, so that there is nothing to go on with")
        : last.wrongValue("tool_calls", "cannot be gone on with")
    }
    return true
  }

  /// Whether a message has text that can be gone on with, and no calls.
  static func canContinue(_ message: JSONValue?) -> Bool {
    message?["tool_calls"] == nil && message?["content"]?.string?.contains { !$0.isWhitespace } ?? false
  }

  /// Values of a message's `role`.
  static let roles = ["system", "developer", "user", "assistant", "tool", "function"]

  private static func message(_ reader: FieldReader) throws(APIError) -> JSONValue {
    var members: JSONObject = [:]
    let role = try reader.required(string: "role")
    guard roles.containsExactly(role) else {
      throw reader.wrongValue("role", "must be system, developer, user, assistant or tool, not '\(role)'")
    }
    members["role"] = role == "function" ? "tool" : .string(role)
    try refuseMedia(reader)
    let content = try MessageContent(reader)
    guard content.text != nil || !["system", "developer", "user"].contains(role) else {
      throw reader.missing("content")
    }
    members["content"] = .string(content.text ?? "")
    members["reasoning_content"] = content.reasoning.map(JSONValue.string)
    let calls = try toolCalls(reader)
    if !calls.isEmpty { members["tool_calls"] = .array(calls) }
    members["tool_call_id"] = try reader.string("tool_call_id").map(JSONValue.string)
    let toolName = try reader.string("tool_name")
    members["name"] = (try reader.string("name") ?? toolName).map(JSONValue.string)
    return .object(members)
  }

  /// Refuses a message with a recording or images.
  private static func refuseMedia(_ reader: FieldReader) throws(APIError) {
    if reader["audio"] != nil {
      throw .unsupported(reader.name("audio"), "Audio input is not supported (field '\(reader.name("audio"))').")
    }
    if let images = try reader.array("images"), !images.isEmpty {
      throw .unsupported(
        reader.name("images"),
        "\(reader.name("images")) has images: the model takes text only, so image input is not supported.")
    }
  }

  /// Earlier calls, with arguments as objects: templates print them in ways of their own.
  private static func toolCalls(_ reader: FieldReader) throws(APIError) -> [JSONValue] {
    var calls: [JSONValue] = []
    for (index, element) in (try reader.array("tool_calls") ?? []).enumerated() {
      let call = try FieldReader(element, path: "\(reader.name("tool_calls"))[\(index)]")
      if call["type"] == "custom", let custom = try call.object("custom") {
        let text = try custom.required(string: "input")
        calls.append(
          try Self.call(custom, arguments: [ChatToolCall.textParameter: .string(text)], id: call.string("id")))
        continue
      }
      let type = try call.string("type") ?? "function"
      guard type == "function" else {
        throw .unsupported(
          call.name("type"), "\(call.name("type")) is '\(type)', but only 'function' and 'custom' are supported.")
      }
      guard let function = try call.object("function") else { throw call.missing("function") }
      calls.append(try Self.call(function, arguments: arguments(function), id: call.string("id")))
    }
    // The older form of a call, which has no id.
    if let function = try reader.object("function_call") {
      calls.append(try call(function, arguments: arguments(function), id: nil))
    }
    return calls
  }

  static func call(
    _ function: FieldReader, arguments: JSONValue, id: String?
  ) throws(APIError) -> JSONValue {
    var members: JSONObject = [:]
    members["id"] = id.map(JSONValue.string)
    members["type"] = "function"
    members["function"] = [
      "name": .string(try function.required(string: "name")), "arguments": arguments,
    ]
    return .object(members)
  }

  static func arguments(_ function: FieldReader) throws(APIError) -> JSONValue {
    guard let value = function["arguments"] else { return [:] }
    if value.object != nil { return value }
    guard let text = value.string else {
      throw function.wrongType("arguments", value, expected: "an object or a string of JSON")
    }
    if text.allSatisfy(\.isWhitespace) { return [:] }
    // What an earlier answer got wrong is shown to the model as it was.
    guard let object = try? JSONValue(parsing: text), object.object != nil else { return value }
    return object
  }
}
