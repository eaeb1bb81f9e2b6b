import InferCore
import InferText
import Testing

@testable import infer_serve

struct MessagesRequestTests {
  static let hello = #""max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]"#

  @Test func theConversationTakesTheFormOfTemplates() throws {
    let request = try messages(
      """
      {"max_tokens": 5, "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cch=1"}, {"type": "text", "text": "Be"},
        {"type": "text", "text": "brief.", "cache_control": {"type": "ephemeral"}}],
       "messages": [
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        {"role": "assistant", "content": [
          {"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "x"},
          {"type": "text", "text": "Looking."},
          {"type": "tool_use", "id": "a", "name": "f", "input": {"n": 1.0}},
          {"type": "tool_use", "id": "b", "name": "g", "input": {}}]},
        {"role": "user", "content": [
          {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "4"}]},
          {"type": "tool_result", "tool_use_id": "b", "content": "gone", "is_error": true},
          {"type": "text", "text": "And?", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}]}
      """)
    let expected: JSONValue = [
      ["role": "system", "content": "Be\nbrief."],
      ["role": "user", "content": "one\ntwo"],
      [
        "role": "assistant", "content": "Looking.", "reasoning_content": "hm",
        "tool_calls": [
          ["id": "a", "type": "function", "function": ["name": "f", "arguments": ["n": 1.0]]],
          ["id": "b", "type": "function", "function": ["name": "g", "arguments": [:]]],
        ],
      ],
      ["role": "tool", "content": "4", "tool_call_id": "a", "name": "f"],
      ["role": "tool", "content": "Error: gone", "tool_call_id": "b", "name": "g"],
      ["role": "user", "content": "And?"],
    ]
    #expect(request.messages == expected)
    #expect(request.keptMessages == [0, 5] && !request.continuesLastMessage)
  }

  @Test func fieldsReachTheirParameters() throws {
    let request = try messages(
      """
      {\(Self.hello), "temperature": 0.5, "top_p": 0.9, "top_k": 40, "stop_sequences": ["a", "b"], "stream": true,
       "metadata": {"user_id": "me"}, "thinking": {"type": "enabled", "budget_tokens": 2000},
       "output_config": {"effort": "low"}, "service_tier": "auto",
       "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}}
      """)
    #expect(request.sampling.temperature == 0.5 && request.sampling.topP == 0.9 && request.sampling.topK == 40)
    #expect(request.stop.stopStrings == ["a", "b"] && request.stop.maxTokens == 9)
    #expect(request.streaming == StreamingOptions() && request.scheduling.client == "me")
    #expect(request.templateVariables["enable_thinking"] == true)
    #expect(request.templateVariables["reasoning_effort"] == "low")
    #expect(try messages("{\(Self.hello)}").templateVariables["enable_thinking"] == false)
    let adaptive = try messages(#"{\#(Self.hello), "thinking": {"type": "adaptive"}}"#)
    #expect(adaptive.templateVariables["enable_thinking"] == nil)
  }

  static let tools = #""tools": [{"name": "f", "input_schema": {"type": "object"}}, {"name": "g", "input_schema": {}}]"#

  @Test func toolsAndTheirChoice() throws {
    let tools = try messages("{\(Self.hello), \(Self.tools)}").tools
    #expect(tools.definitions?[1]?["function"] == ["name": "g", "parameters": [:]])
    #expect(tools.allowsSeveral && tools.demand == .none)
    func choose(_ choice: String) throws -> ChatTools {
      try messages(#"{\#(Self.hello), \#(Self.tools), "tool_choice": \#(choice)}"#).tools
    }
    #expect(try choose(#"{"type": "any"}"#).demand == .any)
    #expect(try choose(#"{"type": "tool", "name": "g"}"#).demand == .function("g"))
    #expect(try !choose(#"{"type": "auto", "disable_parallel_tool_use": true}"#).allowsSeveral)
    #expect(try choose(#"{"type": "none"}"#).definitions == nil)
  }

  @Test func anAnswersBeginningIsContinued() throws {
    let question = #"{"role": "user", "content": "a"}"#
    let begun = try messages(
      #"{"max_tokens": 1, "messages": [\#(question), {"role": "assistant", "content": "It is "}]}"#)
    #expect(begun.continuesLastMessage)
    let empty = try messages(#"{"max_tokens": 1, "messages": [\#(question), {"role": "assistant", "content": ""}]}"#)
    #expect(!empty.continuesLastMessage && empty.messages.array?.count == 1)
  }

  static let wrong: [(body: String, path: String)] = [
    (#""messages": [{"role": "user", "content": "x"}]"#, "max_tokens"),
    (#""max_tokens": 0, "messages": [{"role": "user", "content": "x"}]"#, "max_tokens"),
    (#""max_tokens": 1"#, "messages"),
    (#""max_tokens": 1, "messages": []"#, "messages"),
    (#""max_tokens": 1, "messages": [{"role": "user"}]"#, "messages[0].content"),
    (#""max_tokens": 1, "messages": [{"role": "robot", "content": "x"}]"#, "messages[0].role"),
    (#""max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "text"}]}]"#, "messages[0].content[0].text"),
    (
      #""max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]"#,
      "messages[0].content[0].type"
    ),
    (
      #""max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}]"#,
      "messages[0].content[0].tool_use_id"
    ),
    (
      #""max_tokens": 1, "messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": "x"}]}]"#,
      "messages[0].content[0].input"
    ),
    (
      #""max_tokens": 1, "messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]}]"#,
      "messages[0].content"
    ),
    (hello + #", "system": [{"type": "thinking", "thinking": "x"}]"#, "system[0].type"),
    (
      hello + #", "system": [{"type": "text", "text": "x", "cache_control": {"type": "x"}}]"#,
      "system[0].cache_control.type"
    ),
    (hello + #", "tools": [{"type": "web_search_20250305", "name": "web_search"}]"#, "tools[0].type"),
    (hello + #", "tools": [{"name": "f"}]"#, "tools[0].input_schema"),
    (hello + ", \(tools), \"tool_choice\": {\"type\": \"tool\", \"name\": \"h\"}", "tool_choice.name"),
    (hello + ", \(tools.dropLast()), {\"name\": \"f\", \"input_schema\": {}}]", "tools[2].name"),
    (hello + #", "tool_choice": {"type": "any"}"#, "tool_choice"),
    (hello + #", "thinking": {"type": "enabled"}"#, "thinking.budget_tokens"),
    (hello + #", "stop_sequences": [1]"#, "stop_sequences[0]"),
    (hello + #", "metadata": {"user_id": 5}"#, "metadata.user_id"),
    (hello + #", "output_config": {"format": {}}"#, "output_config.format.type"),
    (
      hello + #", "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}"#,
      "context_management.edits[0].type"
    ),
  ]

  @Test(arguments: wrong) func whatIsWrongIsNamed(body: String, path: String) {
    let error = refusal { () throws(APIError) in try messages("{\(body)}") }
    #expect(error?.parameter == path && error?.status == 400, "\(body): \(error?.message ?? "taken")")
    #expect(error?.message.contains(path) == true, "\(error?.message ?? "")")
  }
}
