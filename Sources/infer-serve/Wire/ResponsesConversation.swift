import InferCore
import InferKit
import InferText

/// Items of a conversation as the messages that chat templates expect: neighbouring reasoning, text and calls of the
/// assistant are one message.
struct ResponsesConversation {
  private(set) var messages: [JSONValue] = []
  /// The assistant's message that further items may belong to.
  private var turn: JSONObject?
  /// Names of the tools that were called, by the calls' ids.
  private var calls: TextDictionary<String> = [:]

  /// The messages of items that were checked (see ``ResponsesItems``).
  ///
  /// - Parameters:
  ///   - instructions: The system message before all others; `nil` for none.
  ///   - past: The items of earlier responses and their inputs.
  ///   - input: The items that follow.
  init(instructions: String?, past: [JSONValue], input: [JSONValue]) throws(APIError) {
    if let instructions { messages.append(Message(.system, instructions).json) }
    for item in past { try append(FieldReader(item, path: "previous_response_id")) }
    for (index, item) in input.enumerated() { try append(FieldReader(item, path: "input[\(index)]")) }
    endTurn()
  }

  private mutating func append(_ item: FieldReader) throws(APIError) {
    switch try item.required(string: "type") {
    case "reasoning":
      let text = try ResponsesItems.reasoning(item)
      if turn?["content"] != nil || turn?["tool_calls"] != nil { endTurn() }
      let before = turn?["reasoning_content"]?.string
      setTurn("reasoning_content", .string([before, text].compactMap { $0 }.joined(separator: "\n")))
    case "function_call": try addCall(item, ChatMessages.arguments(item))
    case "custom_tool_call":
      try addCall(item, [ChatToolCall.textParameter: .string(item.required(string: "input"))])
    case "function_call_output", "custom_tool_call_output":
      endTurn()
      let id = try item.required(string: "call_id")
      guard let name = calls[id] else {
        throw item.wrongValue("call_id", "is '\(id)', which no call before it has")
      }
      messages.append([
        "role": "tool", "content": .string(try ResponsesItems.output(item)), "tool_call_id": .string(id),
        "name": .string(name),
      ])
    default: try appendMessage(item)
    }
  }

  private mutating func appendMessage(_ item: FieldReader) throws(APIError) {
    let role = try item.required(string: "role")
    let content = try MessageContent(item)
    guard role == "assistant" else {
      endTurn()
      messages.append(["role": .string(role), "content": .string(content.text ?? "")])
      return
    }
    if turn?["content"] != nil || turn?["tool_calls"] != nil { endTurn() }
    if let reasoning = content.reasoning { setTurn("reasoning_content", .string(reasoning)) }
    setTurn("content", .string(content.text ?? ""))
  }

  private mutating func addCall(_ item: FieldReader, _ arguments: JSONValue) throws(APIError) {
    let id = try item.required(string: "call_id")
    calls[id] = try item.required(string: "name")
    let call = try ChatMessages.call(item, arguments: arguments, id: id)
    setTurn("tool_calls", .array((turn?["tool_calls"]?.array ?? []) + [call]))
  }

  private mutating func setTurn(_ key: String, _ value: JSONValue) {
    var members = turn ?? ["role": "assistant"]
    members[key] = value
    turn = members
  }

  private mutating func endTurn() {
    guard var message = turn else { return }
    message["content"] = message["content"] ?? ""
    messages.append(.object(message))
    turn = nil
  }
}
