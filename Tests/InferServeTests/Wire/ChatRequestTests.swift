import HybridBlocks
import InferCore
import InferText
import Testing

@testable import infer_serve

struct ChatRequestTests {
  static let hello = #""messages": [{"role": "user", "content": "Hello"}]"#
  static let tool = #"{"type": "function", "function": {"name": "f"}}"#

  @Test func everyFieldReachesItsParameter() throws {
    let request = try chat(
      """
      {\(Self.hello), "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "repetition_penalty": 1.1,
       "presence_penalty": 0.25, "frequency_penalty": -0.5, "logit_bias": {"17": -100, "3": 2.5}, "seed": -2, "n": 3,
       "stop": ["a", "b"], "stop_token_ids": [7, 9], "min_tokens": 2, "ignore_eos": true, "max_completion_tokens": 64,
       "max_tokens": 5, "logprobs": true, "top_logprobs": 4, "stream": true, "stream_options": {"include_usage": true},
       "include_stop_str_in_output": true}
      """)
    let sampling = request.sampling
    #expect(sampling.temperature == 0.5 && sampling.topP == 0.9 && sampling.topK == 40 && sampling.minP == 0.05)
    #expect(sampling.repetitionPenalty == 1.1 && sampling.presencePenalty == 0.25)
    #expect(sampling.frequencyPenalty == -0.5 && sampling.logitBias == [17: -100, 3: 2.5])
    #expect(sampling.seed == UInt64.max - 1 && sampling.logprobs == 4)
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

  /// Integers beyond 64 bits, as some ids are, in the arguments of an earlier call, in a tool and in a variable.
  @Test func integersKeepTheirDigitsUpToThePrompt() throws {
    let large = "18446744073709551615"
    let request = try chat(
      """
      {"messages": [{"role": "assistant", "tool_calls": [{"type": "function", "function":
          {"name": "f", "arguments": "{\\"id\\": \(large), \\"less\\": -\(large)}"}}]}],
       "tools": [{"type": "function", "function": {"name": "f", "parameters": {"maximum": \(large)}}}],
       "chat_template_kwargs": {"limit": \(large)}}
      """)
    let template = try ChatTemplate(
      source: "{% set a = messages[0].tool_calls[0].function.arguments %}{{ a.id }} {{ a|tojson }} {{ limit }} "
        + "{{ tools[0].function.parameters.maximum }}")
    let prompt = try template.render(
      messages: request.messages, tools: request.tools.definitions, variables: request.templateVariables)
    #expect(prompt == #"\#(large) {"id": \#(large), "less": -\#(large)} \#(large) \#(large)"#)
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

  /// What a message of an earlier answer becomes, as the official clients, LangChain, litellm, OpenRouter's and others
  /// send it back.
  static let earlierAnswers: [(json: String, content: JSONValue, reasoning: JSONValue?, calls: JSONValue?)] = [
    (#""content": "a", "reasoning": "hm""#, "a", "hm", nil),
    (#""content": "a", "thinking": "hm""#, "a", "hm", nil),
    (#""content": null, "reasoning_content": "hm", "thinking": "other""#, "", "hm", nil),
    (#""content": "a", "reasoning_content": "", "reasoning": "hm""#, "a", "hm", nil),
    (#""content": "a", "reasoning": "", "reasoning_details": [{"text": "hm"}]"#, "a", "hm", nil),
    (#""content": null"#, "", nil, nil),
    (#""reasoning": """#, "", "", nil),
    (#""content": """#, "", nil, nil),
    (#""content": []"#, "", nil, nil),
    (#""content": null, "refusal": "I must not.""#, "I must not.", nil, nil),
    (#""content": [{"type": "refusal", "refusal": "No."}]"#, "No.", nil, nil),
    (
      #""content": [{"type": "output_text", "text": "a", "annotations": []}, {"type": "text", "text": "b"}]"#, "a\nb",
      nil, nil
    ),
    (
      #""content": [{"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "text", "text": "a"}]"#, "a",
      "hm", nil
    ),
    (#""content": [{"type": "reasoning", "text": "hm"}, "a", {"text": "b"}]"#, "a\nb", "hm", nil),
    (
      #""content": "a", "reasoning": null, "reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}]"#,
      "a", "hm", nil
    ),
    (
      #""content": "a", "refusal": null, "audio": null, "function_call": null, "tool_calls": null, "annotations": [], "name": null"#,
      "a", nil, nil
    ),
    (#""content": "a", "tool_calls": [], "prefix": false, "provider_specific_fields": {"x": 1}"#, "a", nil, nil),
    (
      #""content": null, "function_call": {"name": "f", "arguments": "{\"a\": 1}"}"#, "", nil,
      [["type": "function", "function": ["name": "f", "arguments": ["a": 1]]]]
    ),
    (
      #""tool_calls": [{"id": "x", "index": 0, "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]"#,
      "", nil, [["id": "x", "type": "function", "function": ["name": "f", "arguments": ["a": 1]]]]
    ),
    (
      #""tool_calls": [{"id": null, "type": null, "function": {"name": "f", "arguments": null}}]"#, "", nil,
      [["type": "function", "function": ["name": "f", "arguments": [:]]]]
    ),
  ]

  @Test(arguments: earlierAnswers)
  func earlierAnswersComeInManyForms(json: String, content: JSONValue, reasoning: JSONValue?, calls: JSONValue?) throws
  {
    let message = try chat(#"{"messages": [{"role": "assistant", \#(json)}]}"#).messages[0]
    #expect(message?["role"] == "assistant" && message?["content"] == content)
    #expect(message?["reasoning_content"] == reasoning && message?["tool_calls"] == calls)
    let keys = Set(message?.keys ?? [])
    #expect(keys.isSubset(of: ["role", "content", "reasoning_content", "tool_calls"]))
  }

  @Test func everyRoleTakesPartsAndResultsOfToolsMayBeEmpty() throws {
    let parts = #"[{"type": "input_text", "text": "a", "cache_control": {"type": "ephemeral"}}]"#
    for role in ["system", "developer", "user", "assistant", "tool", "function"] {
      #expect(try chat(#"{"messages": [{"role": "\#(role)", "content": \#(parts)}]}"#).messages[0]?["content"] == "a")
    }
    let messages = try chat(
      """
      {"messages": [{"role": "tool", "tool_call_id": "x", "content": null, "name": "f"},
                    {"role": "function", "name": "f", "content": "4"}]}
      """
    ).messages
    #expect(
      messages == [
        ["role": "tool", "content": "", "tool_call_id": "x", "name": "f"],
        ["role": "tool", "content": "4", "name": "f"],
      ])
  }

  /// Every way to switch reasoning off or on, and what counts when several are there.
  static let switches: [(json: String, variables: [String: JSONValue])] = [
    (#""enable_thinking": false"#, off), (#""thinking": false"#, off), (#""think": false"#, off),
    (#""thinking": {"type": "disabled"}"#, off), (#""reasoning": {"enabled": false}"#, off),
    (#""thinking": {"type": "enabled"}"#, on), (#""think": true"#, on), (#""reasoning": {"enabled": true}"#, on),
    (#""thinking": {"type": "auto"}"#, [:]), (#""reasoning": {"exclude": false}"#, [:]),
    (#""reasoning": {"effort": "high"}"#, ["reasoning_effort": "high"]),
    (#""think": "low""#, ["reasoning_effort": "low"]),
    (#""reasoning": {"effort": "none"}"#, off.merging(["reasoning_effort": "none"]) { $1 }),
    (#""reasoning_effort": "low", "reasoning": {"effort": "high"}"#, ["reasoning_effort": "low"]),
    (#""enable_thinking": true, "think": false"#, on),
    (
      #""enable_thinking": true, "chat_template_kwargs": {"enable_thinking": false}"#,
      ["enable_thinking": false, "thinking": true]
    ),
    (#""documents": [{"title": "a"}]"#, ["documents": [["title": "a"]]]), (#""documents": []"#, [:]),
  ]
  private static let off: [String: JSONValue] = ["enable_thinking": false, "thinking": false]
  private static let on: [String: JSONValue] = ["enable_thinking": true, "thinking": true]

  @Test(arguments: switches) func reasoningIsSwitchedInManyWays(json: String, variables: [String: JSONValue]) throws {
    let told = try chat("{\(Self.hello), \(json)}").templateVariables
    #expect(Dictionary(uniqueKeysWithValues: told.map { ($0, $1) }) == variables)
  }

  /// A template is told of the schema in OpenAI's words, whatever field has it.
  @Test(arguments: [
    #""response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "integer"}}}"#,
    #""guided_json": {"type": "integer"}"#, #""structured_outputs": {"json": {"type": "integer"}}"#,
    #""format": {"type": "integer"}"#,
  ]) func templatesAreToldOfSchemas(json: String) throws {
    let request = try chat("{\(Self.hello), \(json)}")
    let told: JSONValue = ["type": "json_schema", "json_schema": ["name": "answer", "schema": ["type": "integer"]]]
    #expect(request.templateVariables.isEmpty && request.promptVariables == ["response_format": told])
    let own = try chat(#"{\#(Self.hello), \#(json), "chat_template_kwargs": {"response_format": 1, "x": 2}}"#)
    #expect(own.promptVariables == ["response_format": 1, "x": 2])
  }

  @Test(
    arguments: [
      (#""response_format": {"type": "json_object"}"#, ["response_format": ["type": "json_object"]]),
      (#""format": "json""#, ["response_format": ["type": "json_object"]]),
      (#""response_format": {"type": "text"}"#, [:]), (#""guided_regex": "a+""#, [:]), (#""temperature": 1"#, [:]),
    ] as [(String, JSONObject)]) func otherAnswersAreToldOf(json: String, variables: JSONObject) throws
  {
    #expect(try chat("{\(Self.hello), \(json)}").promptVariables == variables)
  }

  @Test func reasoningIsToldWhereItIsWanted() throws {
    let place = { (json: String) in try chat("{\(Self.hello)\(json)}").reasoningPlace }
    #expect(
      try place("") == .besideContent
        && place(#", "reasoning_format": "auto", "include_reasoning": true"#) == .besideContent)
    #expect(
      try place(#", "include_reasoning": false"#) == .nowhere && place(#", "reasoning": {"exclude": true}"#) == .nowhere
    )
    #expect(
      try place(#", "separate_reasoning": false"#) == .inContent
        && place(#", "reasoning_format": "none""#) == .inContent)
  }

  @Test func otherServersNamesAreReadToo() throws {
    let request = try chat(
      """
      {\(Self.hello), "n_predict": 7, "repeat_penalty": 1.5, "repeat_last_n": -1, "no_stop_trim": true, "n_probs": 3,
       "logit_bias": [[5, 1.5], [6, false]], "n_cmpl": 2, "seed": -1, "skip_special_tokens": false,
       "options": {"temperature": 0.25, "top_k": 5, "stop": ["a"], "num_ctx": 4096, "num_predict": 3}}
      """)
    #expect(request.stop.maxTokens == 7 && request.stop.includesStopString && request.stop.stopStrings == ["a"])
    #expect(request.sampling.repetitionPenalty == 1.5 && request.sampling.logprobs == 3 && request.choices == 2)
    #expect(request.sampling.logitBias == [5: 1.5, 6: -100] && request.sampling.seed == nil)
    #expect(request.sampling.temperature == 0.25 && request.sampling.topK == 5 && !request.skipsSpecialTokens)
    // The field's own name wins.
    let own = try chat(
      #"{\#(Self.hello), "max_tokens": 5, "n_predict": 7, "temperature": 1, "options": {"temperature": 0}}"#)
    #expect(own.stop.maxTokens == 5 && own.sampling.temperature == 1)
    let window = try chat(#"{\#(Self.hello), "repeat_penalty": 1.5, "presence_penalty": 1, "repeat_last_n": 0}"#)
      .sampling
    #expect(window.repetitionPenalty == 1 && window.presencePenalty == 0)
    #expect(try chat(#"{\#(Self.hello), "repeat_penalty": 1, "repeat_last_n": 64}"#).sampling.repetitionPenalty == 1)
    let usage = try chat(#"{\#(Self.hello), "stream": true, "usage": {"include": true}}"#)
    #expect(usage.streaming?.includesUsage == true)
  }

  @Test func boundsMeanWhatClientsMean() throws {
    for field in ["max_tokens", "max_completion_tokens", "n_predict"] {
      #expect(try chat(#"{\#(Self.hello), "\#(field)": -1}"#).stop.maxTokens == .max)
      #expect(try chat(#"{\#(Self.hello), "\#(field)": null}"#).stop.maxTokens == nil)
    }
    #expect(try chat(#"{\#(Self.hello), "max_new_tokens": 7, "min_new_tokens": 3}"#).stop.maxTokens == 7)
    for count in ["9223372036854775807", "18446744073709551615", "1e30"] {
      #expect(try chat(#"{\#(Self.hello), "max_tokens": \#(count)}"#).stop.maxTokens == .max)
    }
    for stop in [#""""#, "null", "[]", #"["", ""]"#] {
      #expect(try chat(#"{\#(Self.hello), "stop": \#(stop)}"#).stop.stopStrings == [])
    }
    #expect(try chat(#"{\#(Self.hello), "stop": ["a", ""]}"#).stop.stopStrings == ["a"])
    let request = try chat(
      #"{\#(Self.hello), "top_p": 0, "temperature": 2, "top_k": -1, "n": 1, "presence_penalty": -2, "min_tokens": 0}"#)
    #expect(request.sampling.topP == 0 && request.sampling.topK == 0 && request.sampling.temperature == 2)
  }

  @Test func templateVariablesComeFromBothPlaces() throws {
    let low = try chat(#"{\#(Self.hello), "reasoning_effort": "low", "chat_template_kwargs": {"a": [1]}}"#)
    #expect(low.templateVariables == ["reasoning_effort": "low", "a": [1]])
    let none = try chat(#"{\#(Self.hello), "reasoning_effort": "none"}"#)
    #expect(none.templateVariables == ["reasoning_effort": "none", "enable_thinking": false, "thinking": false])
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
    #expect(try chat("{\(Self.hello), \(tools)}").tools.demand == .none)
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
    #expect(error?.parameter == "tool_choice.allowed_tools" && error?.code == "missing_required_parameter")
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
}
