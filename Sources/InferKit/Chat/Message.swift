/// A message of a conversation.
public struct Message: Sendable, Equatable {
  /// The author of a message.
  public enum Role: String, Sendable, CaseIterable {
    /// The program, which says what the assistant is to do.
    case system
    /// The person who asks.
    case user
    /// The model.
    case assistant
    /// A tool that the model called.
    case tool
  }

  /// The author.
  public var role: Role
  /// The text.
  public var content: String
  /// The reasoning that came before the text; `nil` for none.
  public var reasoning: String?
  /// The calls of tools that an assistant's message makes.
  public var toolCalls: [ToolCall]
  /// The call that a tool's message answers.
  public var answeredCall: ToolCall?

  /// Creates a message.
  public init(
    _ role: Role, _ content: String, reasoning: String? = nil, toolCalls: [ToolCall] = [],
    answering answeredCall: ToolCall? = nil
  ) {
    self.role = role
    self.content = content
    self.reasoning = reasoning
    self.toolCalls = toolCalls
    self.answeredCall = answeredCall
  }

  /// The message as chat templates read it.
  package var json: JSONValue {
    var members: JSONObject = [:]
    members["role"] = .string(role.rawValue)
    members["content"] = .string(content)
    members["reasoning_content"] = reasoning.map(JSONValue.string)
    if !toolCalls.isEmpty { members["tool_calls"] = .array(toolCalls.map(\.json)) }
    if let answeredCall {
      members["tool_call_id"] = .string(answeredCall.id)
      members["name"] = .string(answeredCall.name)
    }
    return .object(members)
  }
}

/// A call of a tool by the model.
public struct ToolCall: Sendable, Equatable, Identifiable {
  /// The call's name, which its result refers to.
  public let id: String
  /// The tool's name.
  public let name: String
  /// The arguments: an object, as the model wrote it.
  public let arguments: JSONValue

  /// Creates a call.
  public init(id: String, name: String, arguments: JSONValue) {
    self.id = id
    self.name = name
    self.arguments = arguments
  }

  /// The call as chat templates read it.
  var json: JSONValue {
    ["id": .string(id), "type": "function", "function": ["name": .string(name), "arguments": arguments]]
  }
}
