import HybridBlocks
import InferText
import Testing

@testable import infer_serve

/// Refusals of constraints that can be read and not held: they name the field that is at fault, in the words of each API.
struct ConstraintRefusalTests {
  enum API { case chat, responses, messages, ollama }

  private static let user = #""messages": [{"role": "user", "content": "x"}]"#
  private static let (sound, unsound) = (#"{"type": "object"}"#, ##"{"type": "object", "$dynamicRef": "#a"}"##)
  private static let language = #""syntax": "lark", "definition": "start: x""#

  private static func function(_ name: String, _ schema: String = unsound) -> String {
    #"{"name": "\#(name)", "parameters": \#(schema), "strict": true}"#
  }

  private static func tools(_ functions: String...) -> String {
    let tools = functions.map { #"{"type": "function", "function": \#($0)}"# }
    return #""tools": [\#(tools.joined(separator: ", "))]"#
  }

  static let refused: [(api: API, body: String, field: String)] = [
    (.chat, tools(function("f")), "tools[0].function.parameters"),
    (.chat, tools(function("f", sound), function("g")), "tools[1].function.parameters"),
    // The fault of a tool is not that of the language of content, and the other way around.
    (
      .chat, tools(function("f")) + #", "response_format": {"type": "json_object"}"#, "tools[0].function.parameters"
    ),
    (.chat, tools(function("f", sound)) + #", "guided_regex": "(""#, "guided_regex"),
    // A place is that in the request, whatever other tools are left out.
    (
      .chat,
      tools(function("f", sound), function("g"))
        + #", "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "g"}}]}}"#,
      "tools[1].function.parameters"
    ),
    (
      .chat,
      tools(function("f"), function("g")) + #", "tool_choice": {"type": "function", "function": {"name": "g"}}"#,
      "tools[1].function.parameters"
    ),
    (.chat, #""functions": [\#(function("f", sound)), \#(function("g"))]"#, "functions[1].parameters"),
    (
      .chat,
      #""tools": [{"type": "custom", "custom": {"name": "r", "format": {"type": "grammar", "grammar": {\#(language)}}}}]"#,
      "tools[0].custom.format.grammar.definition"
    ),
    (
      .responses, #""tools": [{"type": "custom", "name": "r", "format": {"type": "grammar", \#(language)}}]"#,
      "tools[0].format.definition"
    ),
    (
      .responses,
      #""tools": [{"type": "web_search"}, {"type": "function", "name": "f", "parameters": \#(unsound), "strict": true}]"#,
      "tools[1].parameters"
    ),
    (
      .messages, #""max_tokens": 1, "tools": [{"name": "f", "input_schema": \#(unsound), "strict": true}]"#,
      "tools[0].input_schema"
    ),
    (.ollama, tools(function("f", sound), function("g")), "tools[1].function.parameters"),
    (.ollama, #""format": \#(unsound)"#, "format"),
    (.chat, tools(function("f", #"{"enum": ["\#(String(repeating: "x", count: 1 << 20))"]}"#)), "tools"),
  ]

  private static func request(_ api: API, _ body: String) throws(APIError) -> ChatRequest {
    switch api {
    case .chat: return try chat("{\(user), \(body)}")
    case .messages: return try messages("{\(user), \(body)}")
    case .ollama: return try ollamaChat("{\(user), \(body)}").chat
    case .responses:
      let reader = try FieldReader(body: Array("{\"input\": \"x\", \(body)}".utf8))
      return try ResponsesRequest(reader, defaults: GenerationDefaults(), response: ResponseID()).chat
    }
  }

  @Test(arguments: refused) func nameTheField(api: API, body: String, field: String) throws {
    let cache = ConstraintCache(try tinyTokenizer(), OutputFormat(template: "<tool_call>"))
    let request = try Self.request(api, body)
    let error = refusal { () throws(APIError) in
      do throws(ConstraintError) {
        _ = try cache.answer(request.constraint?.language, calls: request.tools.rules, prompt: "")
      } catch {
        throw APIError(error, request.constraint, tools: request.tools)
      }
    }
    #expect(error?.parameter == field && error?.status == 400, "\(error?.message ?? "taken")")
    #expect(error?.message.hasPrefix("\(field) cannot be held: ") == true, "\(error?.message ?? "")")
  }
}
