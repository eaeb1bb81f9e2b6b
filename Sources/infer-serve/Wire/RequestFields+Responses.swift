import InferText

extension RequestFields {
  /// The fields of `POST /v1/responses`: OpenAI's, and those of sampling and scheduling that other endpoints have.
  static let responses: RequestFields = {
    let own: [Field] =
      [
        "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning", "include",
        "max_output_tokens", "max_tool_calls", "top_logprobs", "metadata", "store", "service_tier", "prompt_cache_key",
        "previous_response_id", "background", "truncation", "chat_template_kwargs", "reasoning_effort",
        "enable_thinking", "thinking", "think", "include_reasoning", "separate_reasoning", "reasoning_format",
      ].map { ($0, .read) } + [
        ("max_tokens", .alias(of: "max_output_tokens")), ("max_completion_tokens", .alias(of: "max_output_tokens")),
        ("conversation", .refused("A conversation that the server keeps (use previous_response_id) is", unless: [""])),
        ("prompt", .refused("A prompt's template that the server keeps is", unless: [])),
        ("moderation", .refused("Moderation is", unless: [])),
        ("context_management", .refused("Compaction of the context is", unless: [.array([])])),
        ("messages", .refused("messages (use input) is", unless: [])),
        ("n", .refused("More than one answer is", unless: [1])), ("n_cmpl", .alias(of: "n")),
        ("n_predict", .alias(of: "max_output_tokens")), ("max_new_tokens", .alias(of: "max_output_tokens")),
        ("logprobs", .refused("logprobs (use include and top_logprobs) is", unless: [false])),
        ("prompt_logprobs", .refused("prompt_logprobs is", unless: [false])),
        // The usage is told in any case.
        ("usage", .ignored), ("stream_options", .ignored),
        ("echo", .refused("Repetition of the last message is", unless: [false])),
      ]
    let names = Set(own.map(\.name))
    return RequestFields(
      fields: own + shared.filter { !names.contains($0.name) },
      options: options.map { ($0.name, $0.field == "max_tokens" ? "max_output_tokens" : $0.field) },
      shapes: responsesShapes, required: ["input"])
  }()
}
