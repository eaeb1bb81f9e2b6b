import InferCore
import InferText
import infer_serve

extension Subject {
  /// Reads a request: the path of an endpoint, a line break, and the body. What a chat asks for is rendered.
  static func readRequest(_ input: [UInt8]) throws {
    let end = input.firstIndex(of: UInt8(ascii: "\n")) ?? input.count
    let path = String(decoding: input[..<end], as: UTF8.self)
    let body = Array(input[end...].dropFirst())
    // A damaged path is that of some endpoint.
    let paths = RequestDecoding.paths.contains(path) ? [path] : RequestDecoding.paths
    for path in paths {
      guard let conversation = try RequestDecoding.decode(body, path: path) else { continue }
      _ = try template.get().render(
        messages: conversation.messages, tools: conversation.tools, variables: conversation.variables)
    }
  }

  /// Reads all that a template can read of a conversation.
  private static let template = Result {
    try ChatTemplate(
      source: """
        {% for message in messages %}{{ message.role }}{{ message.content }}{{ message.reasoning_content }}
        {%- for call in message.tool_calls %}{{ call.function.name }}{{ call.function.arguments|items|list }}{% endfor %}
        {{- message|tojson }}{{ message|string }}{% endfor %}{{ tools|tojson(indent=2) }}{{ enable_thinking }}
        """)
  }
}
