import InferCore
import OrderedCollections

/// The tools of a chat request, and what the answer may do with them.
struct ChatTools: Equatable {
  /// The definitions as they came, for the chat template and for the types of arguments; `nil` when the answer is to
  /// call none.
  var definitions: JSONValue?
  /// Whether an answer may have more than one call.
  var allowsSeveral = true

  /// Decodes `tools`, `tool_choice` and `parallel_tool_calls`.
  init(_ reader: FieldReader) throws(APIError) {
    let tools = try reader.array("tools") ?? []
    for (index, tool) in tools.enumerated() {
      try Self.check(FieldReader(tool, path: "tools[\(index)]"))
    }
    allowsSeveral = try reader.bool("parallel_tool_calls") ?? true
    if try Self.mayCall(reader, tools), !tools.isEmpty { definitions = .array(tools) }
  }

  private static func check(_ tool: FieldReader) throws(APIError) {
    let type = try tool.required(string: "type")
    guard type == "function" else {
      throw .unsupported(tool.name("type"), "\(tool.name("type")) is '\(type)', but only 'function' is supported.")
    }
    guard let function = try tool.object("function") else {
      throw .invalid(
        tool.name("function"), "\(tool.name("function")) is required.", code: "missing_required_parameter")
    }
    if try function.required(string: "name").isEmpty { throw function.wrongValue("name", "must not be empty") }
    _ = try function.string("description")
    _ = try function.object("parameters")
  }

  /// Whether the answer may call tools. That it calls one cannot be promised, so a request that demands it is refused.
  private static func mayCall(_ reader: FieldReader, _ tools: [JSONValue]) throws(APIError) -> Bool {
    guard let choice = reader["tool_choice"] else { return true }
    switch choice {
    case "none": return false
    case "auto": return true
    case "required", .object:
      throw .unsupported(
        "tool_choice",
        "A tool_choice that demands a call needs constrained output, which is not supported; use 'auto' or 'none'.")
    case .string(let other): throw reader.wrongValue("tool_choice", "must be 'none' or 'auto', not '\(other)'")
    default: throw reader.wrongType("tool_choice", choice, expected: "a string")
    }
  }
}

/// A call of a tool in an answer.
struct ChatToolCall: Equatable {
  /// Its name, given by the model in some formats and otherwise random.
  var id: String
  var name: String
  /// JSON as far as it has come.
  var arguments = ""

  /// An element of `message.tool_calls`.
  var json: JSONValue {
    ["id": .string(id), "type": "function", "function": ["name": .string(name), "arguments": .string(arguments)]]
  }

  /// What an event tells of a call: all of its head, or more of its arguments.
  struct Delta: Equatable {
    var index: Int
    /// The call without its arguments, in its first event.
    var head: ChatToolCall?
    var arguments = ""

    /// An element of `delta.tool_calls`.
    var json: JSONValue {
      var members: OrderedDictionary<String, JSONValue> = ["index": .integer(index)]
      guard let head else {
        members["function"] = ["arguments": .string(arguments)]
        return .object(members)
      }
      members.merge(head.json.object ?? [:]) { _, new in new }
      return .object(members)
    }
  }
}
