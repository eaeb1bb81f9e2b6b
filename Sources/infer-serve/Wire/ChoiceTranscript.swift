import InferText

/// The answer of one choice, the same for all APIs.
struct ChoiceTranscript: Sendable {
  var reasoning: String?
  var content: String
  var toolCalls: [ChatToolCall] = []
  /// When each of the calls began, and when it had come whole; `nil` where it broke off.
  var callTimes: [(start: ContinuousClock.Instant, end: ContinuousClock.Instant?)] = []
  var finishReason: String?

  /// The bytes that it holds, about.
  var size: Int {
    (reasoning?.utf8.count ?? 0) + content.utf8.count + toolCalls.reduce(0) { $0 + $1.arguments.utf8.count + 100 }
  }

  var json: JSONValue {
    var members: JSONObject = [:]
    members["reasoning"] = reasoning.map(JSONValue.string)
    members["content"] = .string(content)
    if !toolCalls.isEmpty { members["tool_calls"] = .array(toolCalls.map(\.json)) }
    members["finish_reason"] = finishReason.map(JSONValue.string) ?? .null
    return .object(members)
  }
}
