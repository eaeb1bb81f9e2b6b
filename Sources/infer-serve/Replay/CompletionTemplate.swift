import InferText
import NIOCore

/// The bodies of requests, which differ in prompt and length only.
struct CompletionTemplate: Sendable {
  var model: String
  var api: ReplayTarget.API
  var temperature: Double? = 0
  /// Whether answers go on to their full length, which servers of OpenAI's kind may refuse to be asked for.
  var ignoresEnd = true
  /// Members that replace those of the body or are added.
  var extra: JSONObject = [:]

  /// A body whose prompt is a text.
  func body(text: String, maxTokens: Int) -> ByteBuffer {
    switch api {
    case .completions: body(prompt: ("prompt", .string(text)), maxTokens)
    case .chat: body(messages: [["role": "user", "content": .string(text)]], maxTokens: maxTokens)
    }
  }

  /// A body whose prompt is a conversation.
  func body(messages: [JSONValue], maxTokens: Int) -> ByteBuffer {
    body(prompt: ("messages", .array(messages)), maxTokens)
  }

  private func body(prompt: (name: String, value: JSONValue), _ maxTokens: Int) -> ByteBuffer {
    var members: JSONObject = ["model": .string(model), "max_tokens": .integer(maxTokens)]
    members[prompt.name] = prompt.value
    members["temperature"] = temperature.map(JSONValue.number)
    members["stream"] = true
    members["stream_options"] = ["include_usage": true]
    if ignoresEnd { members["ignore_eos"] = true }
    for (name, value) in extra { members[name] = value }
    return ByteBuffer(string: JSONValue.object(members).serialized())
  }
}
