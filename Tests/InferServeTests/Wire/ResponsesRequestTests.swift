import HybridBlocks
import InferCore
import InferText
import Testing

@testable import infer_serve

struct ResponsesRequestTests {
  private func decoded(_ json: String, past: ResponsesPast = ResponsesPast()) throws(APIError) -> ResponsesRequest {
    try ResponsesRequest(
      FieldReader(body: Array(json.utf8)), defaults: GenerationDefaults(), response: ResponseID(), past: past)
  }

  @Test func neighbouringItemsOfTheAssistantAreOneMessage() throws {
    let request = try decoded(
      #"""
      {"instructions": "Be brief.", "input": [
        {"role": "developer", "content": "Rules."}, {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"x\": 1}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "raw"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "2"}]},
        {"role": "assistant", "content": "c"}, {"role": "assistant", "content": "d"}]}
      """#)
    #expect(
      request.chat.messages == [
        ["role": "system", "content": "Be brief."], ["role": "developer", "content": "Rules."],
        ["role": "user", "content": "a"],
        [
          "role": "assistant", "reasoning_content": "hm", "content": "b",
          "tool_calls": [
            ["id": "c1", "type": "function", "function": ["name": "f", "arguments": ["x": 1]]],
            ["id": "c2", "type": "function", "function": ["name": "g", "arguments": ["input": "raw"]]],
          ],
        ],
        ["role": "tool", "content": "1", "tool_call_id": "c1", "name": "f"],
        ["role": "tool", "content": "2", "tool_call_id": "c2", "name": "g"],
        ["role": "assistant", "content": "c"], ["role": "assistant", "content": "d"],
      ])
  }

  @Test func aTextIsAnItem() throws {
    let request = try decoded(#"{"input": "hi", "max_tokens": 5, "reasoning": {"effort": "low", "summary": "auto"}}"#)
    #expect(request.chat.messages == [["role": "user", "content": "hi"]])
    #expect(request.input.first?["content"] == [["type": "input_text", "text": "hi"]])
    #expect(request.isStored && !request.runsInBackground && request.chat.streaming == nil)
    #expect(request.chat.stop.maxTokens == 5 && request.chat.templateVariables["reasoning_effort"] == "low")
    #expect(request.output.summarisesReasoning && !request.output.sealsReasoning)
    #expect(try decoded(#"{"input": "hi", "options": {"num_predict": 7}}"#).chat.stop.maxTokens == 7)
  }

  @Test func itemsOfThePastComeFirst() throws {
    let past = ResponsesPast(
      items: [["type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"]],
      references: ["msg_1": ["type": "message", "role": "user", "content": "referred", "id": "msg_1"]])
    let request = try decoded(
      #"""
      {"input": [{"type": "function_call_output", "call_id": "c", "output": "1"}, {"type": "item_reference", "id": "msg_1"}]}
      """#, past: past)
    #expect(request.chat.messages[1]?["name"] == "f" && request.chat.messages[2]?["content"] == "referred")
    #expect(request.input.count == 2 && request.input[1]["content"] == "referred")
  }

  @Test func toolsStandBesideTheirTypes() throws {
    let tools =
      #"[{"type": "function", "name": "f", "parameters": null}, {"type": "web_search"}, {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "regex", "definition": "[0-9]+"}}]"#
    let request = try decoded(#"{"input": "x", "tools": \#(tools), "tool_choice": {"type": "custom", "name": "g"}}"#)
    #expect(request.chat.tools.definitions?[0] == ["type": "function", "function": ["name": "f"]])
    #expect(request.chat.tools.definitions?.array?.count == 2)
    #expect(request.chat.tools.demand == .function("g") && request.chat.tools.textTools == ["g"])
    #expect(request.chat.tools.textLanguages == ["g": .regex("[0-9]+")])
    #expect(request.echo["tools"]?.array?.map { $0["type"] } == ["function", "custom"])
    let allowed = #"{"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}"#
    let choice = try decoded(#"{"input": "x", "tools": \#(tools), "tool_choice": \#(allowed)}"#).chat.tools
    #expect(choice.definitions?.array?.count == 1 && choice.demand == .any)
  }

  @Test(arguments: [
    (#""input": [{"type": "message", "role": "user"}]"#, "input[0].content"),
    (#""input": [{"type": "function_call", "name": "f"}]"#, "input[0].call_id"),
    (#""input": [{"type": "reasoning", "summary": [{}]}]"#, "input[0].summary[0].text"),
    (#""input": [{"type": "function_call_output", "call_id": "x", "output": 1}]"#, "input[0].output"),
    (#""input": [7]"#, "input[0]"), (#""instructions": "x""#, "input"),
    (#""input": "x", "metadata": {"a": 1}"#, "metadata.a"),
    (#""input": "x", "text": {"verbosity": "short"}"#, "text.verbosity"),
    (#""input": "x", "text": {"format": {"type": "xml"}}"#, "text.format.type"),
    (#""input": "x", "reasoning": {"summary": "all"}"#, "reasoning.summary"),
    (#""input": "x", "tools": [{"type": "function", "name": ""}]"#, "tools[0].name"),
    (#""input": "x", "tools": [{"type": "function", "function": {"name": "f"}}]"#, "tools[0].name"),
    (#""input": "x", "n": 2"#, "n"), (#""input": "x", "prompt": {"id": "p"}"#, "prompt"),
    (#""input": "x", "max_tool_calls": 0"#, "max_tool_calls"),
  ])
  func refusalsNameThePath(_ json: String, _ parameter: String) {
    #expect(refusal { () throws(APIError) in try decoded("{\(json)}") }?.parameter == parameter)
  }
}
