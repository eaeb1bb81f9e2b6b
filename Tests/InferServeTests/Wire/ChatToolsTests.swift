import InferCore
import InferText
import Testing

@testable import infer_serve

/// Tools in the forms that clients give them, and calls in the forms that they expect.
struct ChatToolsTests {
  static let hello = ChatRequestTests.hello
  static let functions = #""functions": [{"name": "f", "parameters": {"type": "object"}}, {"name": "g"}]"#
  static let custom =
    #"{"type": "custom", "custom": {"name": "run", "description": "Runs.", "format": {"type": "text"}}}"#
  static let tools =
    #""tools": [{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}, \#(custom)]"#

  @Test func functionsAreTools() throws {
    func tools(_ more: String) throws -> ChatTools { try chat("{\(Self.hello), \(Self.functions)\(more)}").tools }
    let plain = try tools("")
    #expect(
      plain.definitions?[0] == ["type": "function", "function": ["name": "f", "parameters": ["type": "object"]]])
    #expect(plain.areFunctions && !plain.allowsSeveral && plain.demand == .none)
    #expect(try tools(#", "function_call": "auto", "tools": []"#) == plain)
    #expect(try tools(#", "function_call": "none""#).definitions == nil)
    #expect(try tools(#", "function_call": {"name": "g"}"#).demand == .function("g"))
    for harmless in [#""functions": []"#, #""function_call": null"#] {
      #expect(try chat("{\(Self.hello), \(harmless)}").tools == ChatTools())
    }
  }

  @Test func messagesOfFunctionsTakeTheFormOfTools() throws {
    let request = try chat(
      """
      {"messages": [{"role": "user", "content": "x"},
        {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{\\"a\\": 1}"}},
        {"role": "function", "name": "f", "content": "2"}]}
      """)
    #expect(
      request.messages[1]?["tool_calls"] == [["type": "function", "function": ["name": "f", "arguments": ["a": 1]]]])
    #expect(request.messages[2] == ["role": "tool", "content": "2", "name": "f"])
  }

  @Test func aToolThatTakesATextIsAFunctionOfIt() throws {
    let request = try chat(
      """
      {"messages": [{"role": "assistant", "content": null, "tool_calls": [
         {"id": "x", "type": "custom", "custom": {"name": "run", "input": "ls"}}]}],
       \(Self.tools), "tool_choice": {"type": "custom", "custom": {"name": "run"}}}
      """)
    let parameters: JSONValue = ["type": "object", "properties": ["input": ["type": "string"]], "required": ["input"]]
    #expect(
      request.tools.definitions?[2] == [
        "type": "function", "function": ["name": "run", "description": "Runs.", "parameters": parameters],
      ])
    #expect(request.tools.textTools == ["run"] && request.tools.demand == .function("run"))
    #expect(
      request.messages[0]?["tool_calls"] == [
        ["id": "x", "type": "function", "function": ["name": "run", "arguments": ["input": "ls"]]]
      ])
  }

  @Test func aTextMayHaveALanguage() throws {
    let grammar = #"{"syntax": "lark", "definition": "start: /[a-z]+/"}"#
    let format = #"{"type": "grammar", "grammar": \#(grammar)}"#
    let tool = #"{"type": "custom", "custom": {"name": "run", "format": \#(format)}}"#
    let tools = try chat("{\(Self.hello), \"tools\": [\(tool)]}").tools
    #expect(tools.textLanguages == ["run": .grammar("start: /[a-z]+/", .lark)] && tools.textTools == ["run"])
  }

  @Test func aPartOfTheToolsMayBeAllowed() throws {
    func allow(_ mode: String, _ tools: String) throws -> ChatTools {
      let choice = #"{"type": "allowed_tools", "allowed_tools": {"mode": "\#(mode)", "tools": [\#(tools)]}}"#
      return try chat("{\(Self.hello), \(Self.tools), \"tool_choice\": \(choice)}").tools
    }
    let (g, run) = (
      #"{"type": "function", "function": {"name": "g"}}"#, #"{"type": "custom", "custom": {"name": "run"}}"#
    )
    let both = try allow("auto", "\(run), \(g)")
    #expect(both.definitions?.array?.compactMap { $0["function"]?["name"] } == ["g", "run"] && both.demand == .none)
    let one = try allow("required", g)
    #expect(one.definitions?.array?.count == 1 && one.demand == .any && one.allowsSeveral)
  }

  static let wrong: [(body: String, path: String)] = [
    (functions + #", "function_call": "required""#, "function_call"),
    (functions + #", "function_call": {"name": "h"}"#, "function_call.name"),
    (functions + #", "function_call": 5"#, "function_call"),
    (#""functions": [{"name": "f"}, {"name": "f"}]"#, "functions[1].name"),
    (#""functions": [{}]"#, "functions[0].name"),
    (#""functions": 5"#, "functions"),
    (#""function_call": {"name": "f"}"#, "function_call"),
    (functions + ", " + tools, "functions"),
    (tools + #", "function_call": {"name": "f"}"#, "function_call"),
    (#""tools": [{"type": "custom"}]"#, "tools[0].custom"),
    (#""tools": [{"type": "custom", "custom": {}}]"#, "tools[0].custom.name"),
    (#""tools": [\#(custom), \#(custom)]"#, "tools[1].custom.name"),
    (
      #""tools": [{"type": "custom", "custom": {"name": "f", "format": {"type": "grammar", "grammar": {}}}}]"#,
      "tools[0].custom.format.grammar.definition"
    ),
    (
      #""tools": [{"type": "custom", "custom": {"name": "f", "format": {"type": "grammar"}}}]"#,
      "tools[0].custom.format.grammar"
    ),
    (
      #""tools": [{"type": "custom", "custom": {"name": "f", "format": {"type": "xml"}}}]"#,
      "tools[0].custom.format.type"
    ),
    (
      #""tools": [{"type": "custom", "custom": {"name": "f", "format": {"type": "grammar", "grammar": {"definition": "a", "syntax": "gbnf"}}}}]"#,
      "tools[0].custom.format.grammar.syntax"
    ),
    (tools + #", "tool_choice": {"type": "mcp"}"#, "tool_choice.type"),
    (tools + #", "tool_choice": {"type": "custom", "custom": {"name": "no"}}"#, "tool_choice.custom.name"),
    (
      tools + #", "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}"#,
      "tool_choice.allowed_tools.tools"
    ),
    (
      tools
        + #", "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "some", "tools": [\#(custom)]}}"#,
      "tool_choice.allowed_tools.mode"
    ),
    (
      tools
        + #", "tool_choice": {"type": "allowed_tools", "allowed_tools": {"tools": [{"type": "function", "function": {"name": "h"}}]}}"#,
      "tool_choice.allowed_tools.tools[0].function.name"
    ),
  ]

  @Test(arguments: wrong) func whatIsWrongIsNamed(body: String, path: String) {
    let error = refusal { () throws(APIError) in try chat("{\(Self.hello), \(body)}") }
    #expect(error?.parameter == path && error?.status == 400, "\(body): \(error?.message ?? "taken")")
    #expect(error?.message.contains(path) == true, "\(error?.message ?? "")")
  }

  // MARK: Answers

  private static let answer = #"<tool_call>{"name": "run", "arguments": {"input": "ls -l\nls"}}</tool_call>"#

  private func response(_ tools: ChatTools) -> ChatResponse {
    let head = ResponseHead(id: "c", created: 1, model: "tiny", announcesUsage: false)
    let parser = OutputParser(OutputFormat(template: "<tool_call>"), prompt: "", tools: tools.definitions)
    let options = ChatChoice.Options(
      allowsSeveralCalls: tools.allowsSeveral, textTools: tools.textTools, makeCallID: { "call_1" })
    return ChatResponse(
      head: head, count: 1, choice: ChatChoice(parser, options), callsFunctions: tools.areFunctions)
  }

  /// The deltas of an answer that comes character by character, and the whole of one that does not.
  private func tell(_ tools: ChatTools) throws -> (deltas: [JSONValue], last: JSONValue, whole: JSONValue) {
    var streamed = response(tools)
    var events: [JSONValue] = []
    for character in Self.answer { events += streamed.append(piece(String(character)), to: 0) }
    events += streamed.finish(0, .stop, statistics())
    var whole = response(tools)
    _ = whole.append(piece(Self.answer), to: 0)
    _ = whole.finish(0, .stop, statistics())
    return (
      events.compactMap { $0["choices"]?[0]?["delta"] }, try #require(events.last?["choices"]?[0]),
      try #require(whole.completion["choices"]?[0])
    )
  }

  @Test func aCallOfAFunctionIsToldAsSuch() throws {
    let (deltas, last, whole) = try tell(ChatTools(definitions: [], allowsSeveral: false, areFunctions: true))
    let parts = deltas.compactMap { $0["function_call"] }
    #expect(parts.first == ["name": "run", "arguments": ""] && parts.dropFirst().allSatisfy { $0["name"] == nil })
    let arguments = #"{"input": "ls -l\nls"}"#
    #expect(parts.compactMap { $0["arguments"]?.string }.joined() == arguments)
    #expect(whole["message"]?["function_call"] == ["name": "run", "arguments": .string(arguments)])
    #expect(last["finish_reason"] == "function_call" && whole["finish_reason"] == "function_call")
    #expect(whole["message"]?["tool_calls"] == nil && whole["message"]?["content"] == .null)
  }

  @Test func aCallWithATextIsToldWithIt() throws {
    let (deltas, last, whole) = try tell(ChatTools(definitions: [], textTools: ["run"]))
    let head: JSONValue = ["index": 0, "id": "call_1", "type": "custom", "custom": ["name": "run", "input": ""]]
    #expect(
      deltas.compactMap { $0["tool_calls"]?[0] } == [head, ["index": 0, "custom": ["input": "ls -l\nls"]]])
    #expect(
      whole["message"]?["tool_calls"]
        == [["id": "call_1", "type": "custom", "custom": ["name": "run", "input": "ls -l\nls"]]])
    #expect(last["finish_reason"] == "tool_calls" && whole["finish_reason"] == "tool_calls")
  }

  @Test(arguments: [
    (#"{"input": 5}"#, "5"), (#"{"input": {"a": [1]}}"#, #"{"a":[1]}"#), (#"{"other": "x"}"#, #"{"other": "x"}"#),
    ("[1", "[1"),
  ]) func argumentsOfAnotherFormAreTextAllTheSame(arguments: String, text: String) {
    #expect(ChatToolCall(id: "x", name: "run", takesText: true, arguments: arguments, isComplete: true).text == text)
  }
}
