import Testing

@testable import infer_serve

/// Chat requests that are refused, with the field at fault.
struct ChatRequestRefusalTests {
  static let hello = ChatRequestTests.hello
  static let tool = ChatRequestTests.tool

  static let bad: [(json: String, field: String?, code: String)] = [
    (#"[]"#, nil, "invalid_type"),
    (#"{"messages": []}"#, "messages", "invalid_value"),
    (#"{}"#, "messages", "missing_required_parameter"),
    (#"{"messages": "hi"}"#, "messages", "invalid_type"),
    (#"{"messages": [3]}"#, "messages[0]", "invalid_type"),
    (#"{"messages": [{"content": "x"}]}"#, "messages[0].role", "missing_required_parameter"),
    (#"{"messages": [{"role": "robot", "content": "x"}]}"#, "messages[0].role", "invalid_value"),
    (#"{"messages": [{"role": "user"}]}"#, "messages[0].content", "missing_required_parameter"),
    (#"{"messages": [{"role": "user", "content": 7}]}"#, "messages[0].content", "invalid_type"),
    (
      #"{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}"#, "messages[0].content[0].type",
      "unsupported_parameter"
    ),
    (
      #"{"messages": [{"role": "user", "content": ["a", {"type": "input_audio", "input_audio": {}}]}]}"#,
      "messages[0].content[1].type", "unsupported_parameter"
    ),
    (
      #"{"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}"#, "messages[0].content[0].type",
      "unsupported_parameter"
    ),
    (
      #"{"messages": [{"role": "user", "content": [{}]}]}"#, "messages[0].content[0].type", "missing_required_parameter"
    ),
    (
      #"{"messages": [{"role": "user", "content": [{"type": "text"}]}]}"#, "messages[0].content[0].text",
      "missing_required_parameter"
    ),
    (#"{"messages": [{"role": "system", "content": null}]}"#, "messages[0].content", "missing_required_parameter"),
    (
      #"{"messages": [{"role": "assistant", "content": "x", "reasoning": 5}]}"#, "messages[0].reasoning", "invalid_type"
    ),
    (
      #"{"messages": [{"role": "assistant", "content": "x", "prefix": true}, {"role": "user", "content": "y"}]}"#,
      "messages[0].prefix", "invalid_value"
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
    (#"{\#(hello), "stop_token_ids": [-1]}"#, "stop_token_ids[0]", "invalid_value"),
    (#"{\#(hello), "logit_bias": {"x": 1}}"#, "logit_bias", "invalid_value"),
    (#"{\#(hello), "logit_bias": {"4": "much"}}"#, "logit_bias.4", "invalid_type"),
    (#"{\#(hello), "logit_bias": {"4": 101}}"#, "logit_bias", "invalid_value"),
    (#"{\#(hello), "logit_bias": [[4]]}"#, "logit_bias[0]", "invalid_type"),
    (#"{\#(hello), "logit_bias": [["four", 1]]}"#, "logit_bias[0][0]", "invalid_value"),
    (#"{\#(hello), "n_predict": -2}"#, "n_predict", "invalid_value"),
    (#"{\#(hello), "options": {"num_predict": 0}}"#, "options.num_predict", "invalid_value"),
    (#"{\#(hello), "options": {"mirostat": 1}}"#, "options.mirostat", "unsupported_parameter"),
    (#"{\#(hello), "options": []}"#, "options", "invalid_type"),
    (#"{\#(hello), "repeat_penalty": 1.1, "repeat_last_n": 64}"#, "repeat_last_n", "unsupported_parameter"),
    (
      #"{\#(hello), "thinking": {"type": "enabled", "budget_tokens": 1}}"#, "thinking.budget_tokens",
      "unsupported_parameter"
    ),
    (#"{\#(hello), "thinking": {"type": "often"}}"#, "thinking.type", "invalid_value"),
    (#"{\#(hello), "reasoning": {"max_tokens": 100}}"#, "reasoning.max_tokens", "unsupported_parameter"),
    (#"{\#(hello), "reasoning_format": "xml"}"#, "reasoning_format", "invalid_value"),
    (#"{\#(hello), "documents": ["x"]}"#, "documents[0]", "invalid_type"),
    (
      #"{\#(hello), "stream": true, "stream_options": {"continuous_usage_stats": true}}"#,
      "stream_options.continuous_usage_stats", "unsupported_parameter"
    ),
    (#"{\#(hello), "top_logprobs": 3}"#, "top_logprobs", "invalid_value"),
    (#"{\#(hello), "logprobs": true, "top_logprobs": 21}"#, "top_logprobs", "invalid_value"),
    (#"{\#(hello), "logprobs": 3}"#, "logprobs", "invalid_type"),
    (#"{\#(hello), "stream": "yes"}"#, "stream", "invalid_type"),
    (#"{\#(hello), "stream_options": {"include_usage": true}}"#, "stream_options", "invalid_value"),
    (#"{\#(hello), "stream": true, "stream_options": 1}"#, "stream_options", "invalid_type"),
    (#"{\#(hello), "chat_template_kwargs": []}"#, "chat_template_kwargs", "invalid_type"),
    (#"{\#(hello), "tools": [{"type": "function"}]}"#, "tools[0].function", "missing_required_parameter"),
    (#"{\#(hello), "tools": [{"type": "web_search"}]}"#, "tools[0].type", "unsupported_parameter"),
    (#"{\#(hello), "tools": [\#(tool), \#(tool)]}"#, "tools[1].function.name", "invalid_value"),
    (
      #"{\#(hello), "tools": [{"type": "function", "function": {"name": ""}}]}"#, "tools[0].function.name",
      "invalid_value"
    ),
    (#"{\#(hello), "tools": {}}"#, "tools", "invalid_type"),
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
    (#"{\#(hello), "response_format": {"type": "xml"}}"#, "response_format.type", "invalid_value"),
    (#"{\#(hello), "structural_tag": "{}"}"#, "structural_tag", "unsupported_parameter"),
    (#"{\#(hello), "response_format": {}}"#, "response_format.type", "missing_required_parameter"),
    (#"{\#(hello), "audio": {"voice": "x"}}"#, "audio", "unsupported_parameter"),
    (#"{\#(hello), "modalities": ["text", "audio"]}"#, "modalities", "unsupported_parameter"),
    (#"{\#(hello), "guided_regex": "a*", "guided_choice": ["a"]}"#, "guided_choice", "invalid_value"),
    (#"{\#(hello), "mirostat": 2}"#, "mirostat", "unsupported_parameter"),
  ]

  @Test(arguments: bad) func refusalsNameTheField(json: String, field: String?, code: String) {
    let error = refusal { () throws(APIError) in try chat(json) }
    #expect(error?.status == 400)
    #expect(error?.type == "invalid_request_error")
    #expect(error?.parameter == field)
    #expect(error?.code == code)
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
