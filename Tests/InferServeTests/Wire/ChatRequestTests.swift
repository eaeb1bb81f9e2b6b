import HybridBlocks
import InferCore
import Testing

@testable import infer_serve

struct ChatRequestTests {
  static let hello = #""messages": [{"role": "user", "content": "Hello"}]"#

  @Test func everyFieldReachesItsParameter() throws {
    let request = try chat(
      """
      {\(Self.hello), "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "repetition_penalty": 1.1,
       "presence_penalty": 0.25, "frequency_penalty": -0.5, "logit_bias": {"17": -100, "3": 2.5}, "seed": -1, "n": 3,
       "stop": ["a", "b"], "stop_token_ids": [7, 9], "min_tokens": 2, "ignore_eos": true, "max_completion_tokens": 64,
       "max_tokens": 5, "logprobs": true, "top_logprobs": 4, "stream": true, "stream_options": {"include_usage": true},
       "include_stop_str_in_output": true}
      """)
    let sampling = request.sampling
    #expect(sampling.temperature == 0.5 && sampling.topP == 0.9 && sampling.topK == 40 && sampling.minP == 0.05)
    #expect(sampling.repetitionPenalty == 1.1 && sampling.presencePenalty == 0.25)
    #expect(sampling.frequencyPenalty == -0.5 && sampling.logitBias == [17: -100, 3: 2.5])
    #expect(sampling.seed == UInt64.max && sampling.logprobs == 4)
    let stop = request.stop
    // The newer name wins over the older.
    #expect(stop.maxTokens == 64 && stop.minTokens == 2 && stop.stopTokenIDs == [7, 9])
    #expect(stop.ignoresEndTokens && stop.stopStrings == ["a", "b"] && stop.includesStopString)
    #expect(request.choices == 3)
    #expect(request.streaming?.includesUsage == true)
  }

  @Test func absentAndNullFieldsTakeTheModelsDefaults() throws {
    var defaults = GenerationDefaults()
    defaults.temperature = 0.6
    defaults.topK = 20
    defaults.topP = 0.95
    defaults.repetitionPenalty = 1.05
    let request = try chat(#"{\#(Self.hello), "temperature": null, "stop": null, "seed": null}"#, defaults: defaults)
    #expect(request.sampling.temperature == 0.6 && request.sampling.topK == 20)
    #expect(request.sampling.topP == 0.95 && request.sampling.repetitionPenalty == 1.05)
    #expect(request.sampling.seed == nil && request.sampling.logprobs == nil)
    #expect(request.stop.maxTokens == nil && request.choices == 1 && request.streaming == nil)
    #expect(try chat(#"{\#(Self.hello), "temperature": 0}"#, defaults: defaults).sampling.temperature == 0)
  }

  @Test func messagesTakeTheFormOfTemplates() throws {
    let request = try chat(
      """
      {"messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        {"role": "assistant", "content": "three", "reasoning_content": "hm"},
        {"role": "assistant", "content": null, "tool_calls": [
          {"id": "x", "type": "function", "function": {"name": "f", "arguments": "{\\"a\\": [1.0]}"}},
          {"function": {"name": "g", "arguments": ""}}, {"function": {"name": "h", "arguments": "{broken"}}]},
        {"role": "tool", "content": "4", "tool_call_id": "x"}]}
      """)
    let expected: JSONValue = [
      ["role": "developer", "content": "Be brief."],
      ["role": "user", "content": "one\ntwo"],
      ["role": "assistant", "content": "three", "reasoning_content": "hm"],
      [
        "role": "assistant", "content": "",
        "tool_calls": [
          ["id": "x", "type": "function", "function": ["name": "f", "arguments": ["a": [1.0]]]],
          ["type": "function", "function": ["name": "g", "arguments": [:]]],
          ["type": "function", "function": ["name": "h", "arguments": "{broken"]],
        ],
      ],
      ["role": "tool", "content": "4", "tool_call_id": "x"],
    ]
    #expect(request.messages == expected)
  }

  @Test func templateVariablesComeFromBothPlaces() throws {
    let low = try chat(#"{\#(Self.hello), "reasoning_effort": "low", "chat_template_kwargs": {"a": [1]}}"#)
    #expect(low.templateVariables == ["reasoning_effort": "low", "a": [1]])
    let none = try chat(#"{\#(Self.hello), "reasoning_effort": "none"}"#)
    #expect(none.templateVariables == ["reasoning_effort": "none", "enable_thinking": false])
    let both = try chat(
      #"{\#(Self.hello), "reasoning_effort": "none", "chat_template_kwargs": {"enable_thinking": true}}"#)
    #expect(both.templateVariables["enable_thinking"] == true)
  }

  @Test func toolsAreForTheTemplateUnlessTheChoiceIsNone() throws {
    let tools = #""tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]"#
    let request = try chat("{\(Self.hello), \(tools)}")
    #expect(request.tools.definitions?[0]?["function"]?["name"] == "f" && request.tools.allowsSeveral)
    #expect(try chat(#"{\#(Self.hello), \#(tools), "tool_choice": "auto"}"#).tools == request.tools)
    #expect(try chat(#"{\#(Self.hello), \#(tools), "tool_choice": "none"}"#).tools.definitions == nil)
    #expect(try !chat(#"{\#(Self.hello), \#(tools), "parallel_tool_calls": false}"#).tools.allowsSeveral)
  }

  @Test func callsCanBeDemanded() throws {
    let tools =
      #""tools": [{"type": "function", "function": {"name": "f.g-1"}}, {"type": "function", "function": {"name": "h h"}}]"#
    #expect(try chat("{\(Self.hello), \(tools)}").tools.demand == nil)
    let required = try chat(#"{\#(Self.hello), \#(tools), "tool_choice": "required"}"#).tools
    #expect(required.demand == .any && required.allowsSeveral)
    let choice = { (name: String) in #""tool_choice": {"type": "function", "function": {"name": "\#(name)"}}"# }
    let named = try chat("{\(Self.hello), \(tools), \(choice("f.g-1"))}").tools
    #expect(named.demand == .function("f.g-1") && !named.allowsSeveral && named.definitions == required.definitions)
    for name in ["g", "h h"] {
      let error = refusal { () throws(APIError) in try chat("{\(Self.hello), \(tools), \(choice(name))}") }
      #expect(error?.parameter == "tool_choice.function.name" && error?.code == "invalid_value")
    }
    let error = refusal { () throws(APIError) in
      try chat(#"{\#(Self.hello), \#(tools), "tool_choice": {"type": "allowed_tools"}}"#)
    }
    #expect(error?.parameter == "tool_choice.type" && error?.code == "unsupported_parameter")
  }

  @Test func harmlessFieldsAreIgnored() throws {
    let request = try chat(
      """
      {\(Self.hello), "user": "me", "metadata": {}, "store": true, "service_tier": "auto", "parallel_tool_calls": true,
       "tools": [], "tool_choice": "auto", "response_format": {"type": "text"}, "modalities": ["text"], "typical_p": 1.0,
       "mirostat": 0, "anything": [1, 2, 3]}
      """)
    #expect(request.choices == 1)
  }

  static let bad: [(json: String, field: String?, code: String)] = [
    (#"[]"#, nil, ""),
    (#"{"messages": []}"#, "messages", "invalid_value"),
    (#"{}"#, "messages", "missing_required_parameter"),
    (#"{"messages": "hi"}"#, "messages", "invalid_type"),
    (#"{"messages": [3]}"#, "messages[0]", ""),
    (#"{"messages": [{"content": "x"}]}"#, "messages[0].role", "missing_required_parameter"),
    (#"{"messages": [{"role": "robot", "content": "x"}]}"#, "messages[0].role", "invalid_value"),
    (#"{"messages": [{"role": "user"}]}"#, "messages[0].content", "missing_required_parameter"),
    (#"{"messages": [{"role": "user", "content": 7}]}"#, "messages[0].content", "invalid_type"),
    (
      #"{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}"#, "messages[0].content[0].type",
      "unsupported_parameter"
    ),
    (#"{\#(hello), "temperature": -1}"#, "temperature", "invalid_value"),
    (#"{\#(hello), "temperature": "hot"}"#, "temperature", "invalid_type"),
    (#"{\#(hello), "temperature": 1e300}"#, "temperature", "invalid_value"),
    (#"{\#(hello), "top_p": -0.1}"#, "top_p", "invalid_value"),
    (#"{\#(hello), "top_k": 1.5}"#, "top_k", "invalid_type"),
    (#"{\#(hello), "n": 0}"#, "n", "invalid_value"),
    (#"{\#(hello), "n": 1000000}"#, "n", "invalid_value"),
    (#"{\#(hello), "max_tokens": 0}"#, "max_tokens", "invalid_value"),
    (#"{\#(hello), "max_tokens": -5}"#, "max_tokens", "invalid_value"),
    (#"{\#(hello), "max_completion_tokens": true}"#, "max_completion_tokens", "invalid_type"),
    (#"{\#(hello), "min_tokens": 9, "max_tokens": 3}"#, "min_tokens", "invalid_value"),
    (#"{\#(hello), "stop": 3}"#, "stop", "invalid_type"),
    (#"{\#(hello), "stop": ["a", 3]}"#, "stop[1]", "invalid_type"),
    (#"{\#(hello), "stop": ""}"#, "stop", "invalid_value"),
    (#"{\#(hello), "stop_token_ids": [-1]}"#, "stop_token_ids[0]", "invalid_value"),
    (#"{\#(hello), "logit_bias": {"x": 1}}"#, "logit_bias", "invalid_value"),
    (#"{\#(hello), "logit_bias": {"4": "much"}}"#, "logit_bias.4", "invalid_type"),
    (#"{\#(hello), "logit_bias": {"4": 101}}"#, "logit_bias", "invalid_value"),
    (#"{\#(hello), "top_logprobs": 3}"#, "top_logprobs", "invalid_value"),
    (#"{\#(hello), "logprobs": true, "top_logprobs": 21}"#, "top_logprobs", "invalid_value"),
    (#"{\#(hello), "logprobs": 3}"#, "logprobs", "invalid_type"),
    (#"{\#(hello), "stream": "yes"}"#, "stream", "invalid_type"),
    (#"{\#(hello), "stream_options": {"include_usage": true}}"#, "stream_options", "invalid_value"),
    (#"{\#(hello), "stream": true, "stream_options": 1}"#, "stream_options", ""),
    (#"{\#(hello), "chat_template_kwargs": []}"#, "chat_template_kwargs", "invalid_type"),
    (#"{\#(hello), "tools": [{"type": "function"}]}"#, "tools[0].function", "missing_required_parameter"),
    (#"{\#(hello), "tools": [{"type": "custom"}]}"#, "tools[0].type", "unsupported_parameter"),
    (
      #"{\#(hello), "tools": [{"type": "function", "function": {"name": ""}}]}"#, "tools[0].function.name",
      "invalid_value"
    ),
    (#"{\#(hello), "tools": {}}"#, "tools", "invalid_type"),
    (#"{\#(hello), "functions": [{"name": "f"}]}"#, "functions", "unsupported_parameter"),
    (#"{\#(hello), "tool_choice": "any"}"#, "tool_choice", "invalid_value"),
    (
      #"{\#(hello), "tool_choice": {"type": "function", "function": {"name": "f"}}}"#, "tool_choice", "invalid_value"
    ),
    (#"{\#(hello), "tool_choice": 5}"#, "tool_choice", "invalid_type"),
    (
      #"{"messages": [{"role": "assistant", "tool_calls": [{"id": "x"}]}]}"#, "messages[0].tool_calls[0].function",
      "missing_required_parameter"
    ),
    (
      #"{"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 5}}]}]}"#,
      "messages[0].tool_calls[0].function.arguments", "invalid_type"
    ),
    (#"{\#(hello), "tool_choice": "required"}"#, "tool_choice", "invalid_value"),
    (#"{\#(hello), "response_format": {"type": "json_object"}}"#, "response_format", "unsupported_parameter"),
    (#"{\#(hello), "response_format": {}}"#, "response_format.type", "missing_required_parameter"),
    (#"{\#(hello), "audio": {"voice": "x"}}"#, "audio", "unsupported_parameter"),
    (#"{\#(hello), "modalities": ["text", "audio"]}"#, "modalities", "unsupported_parameter"),
    (#"{\#(hello), "guided_regex": "a*"}"#, "guided_regex", "unsupported_parameter"),
    (#"{\#(hello), "mirostat": 2}"#, "mirostat", "unsupported_parameter"),
  ]

  @Test(arguments: bad) func refusalsNameTheField(json: String, field: String?, code: String) {
    let error = refusal { () throws(APIError) in try chat(json) }
    #expect(error?.status == 400)
    #expect(error?.type == "invalid_request_error")
    #expect(error?.parameter == field)
    #expect(error?.code ?? "" == code)
    if let field { #expect(error?.message.contains(field) == true) }
  }

  @Test(arguments: ["9223372036854775808", "-99999999999999999999", "1e300"])
  func integersBeyondSixtyFourBitsAreOutOfRange(number: String) {
    let error = refusal { () throws(APIError) in try chat(#"{\#(Self.hello), "seed": \#(number)}"#) }
    #expect(error?.message == "seed is out of range: it does not fit 64 bits.")
    #expect(error?.parameter == "seed" && error?.code == "invalid_value")
  }

  @Test(arguments: ["", "{", "{\"a\": 1,}", "nul", "{\"a\": \u{0}}", "{\"messages\": \"\\ud800\"}"])
  func brokenJSONIsSaidToBeBroken(json: String) {
    let error = refusal { () throws(APIError) in try chat(json) }
    #expect(error?.status == 400 && error?.code == "invalid_json" && error?.parameter == nil)
  }
}
