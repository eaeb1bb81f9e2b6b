import InferText

extension Usage {
  static let shape: JSONShape = .object([
    "prompt_tokens": count, "completion_tokens": count, "total_tokens": count,
    "prompt_tokens_details": .object(["cached_tokens": count]),
    "completion_tokens_details": .object(["reasoning_tokens": count]),
  ])

  fileprivate static let count = JSONShape.integer(0 ... .max)
}

extension Timings {
  static let shape: JSONShape = .object([
    "cache_n": Usage.count, "prompt_n": Usage.count, "prompt_ms": .number, "prompt_per_token_ms": .number,
    "prompt_per_second": .number, "predicted_n": Usage.count, "predicted_ms": .number,
    "predicted_per_token_ms": .number, "predicted_per_second": .number,
  ])
}

extension ContextShift {
  static let shape: JSONShape = .object(["dropped_messages?": Usage.count, "dropped_tokens": Usage.count])
}

extension ResponseHead {
  /// A whole response with choices of a shape.
  fileprivate static func shape(_ kind: String, choice: JSONShape) -> JSONShape {
    .object([
      "id": .string, "object": .values([.string(kind)]), "created": .integer, "model": .string,
      "system_fingerprint": .string, "choices": .array(choice), "usage": Usage.shape, "timings": Timings.shape,
      "prompt_logprobs?": .array(.any), "context_shift?": ContextShift.shape,
    ])
  }
}

extension ChatResponse {
  /// The response that is not streamed.
  static let shape = ResponseHead.shape(
    "chat.completion",
    choice: .object([
      "index": Usage.count,
      "message": .object([
        "role": .values(["assistant"]), "content": .string.orNull, "reasoning_content?": .string,
        "tool_calls?": .array(
          .object([
            "id": .string, "type": .string,
          ])),
        "function_call?": .object(["name": .string, "arguments": .string]), "refusal": .null,
      ]), "logprobs": .object([]).orNull, "finish_reason": .string,
    ]))
}

extension CompletionResponse {
  /// The response that is not streamed.
  static let shape = ResponseHead.shape(
    "text_completion",
    choice: .object([
      "index": Usage.count, "text": .string, "logprobs": .object([]).orNull, "finish_reason": .string,
      "prompt_logprobs?": .array(.any),
    ]))
}

extension MessagesResponse {
  /// The response that is not streamed.
  static let shape: JSONShape = .object([
    "id": .string, "type": .values(["message"]), "role": .values(["assistant"]), "model": .string,
    "content": .array(.object(["type": .choice(["text", "thinking", "tool_use"])])),
    "stop_reason": .choice(["end_turn", "max_tokens", "stop_sequence", "tool_use"]), "stop_sequence": .string.orNull,
    "usage": .object([
      "input_tokens": Usage.count, "cache_creation_input_tokens": Usage.count, "cache_read_input_tokens": Usage.count,
      "output_tokens": Usage.count,
    ]), "context_shift?": ContextShift.shape,
  ])
}

extension ResponsesResponse {
  /// The response, whichever way it is told.
  static let shape: JSONShape = .object([
    "id": .string, "object": .values(["response"]), "created_at": .integer, "completed_at": .integer.orNull,
    "status": .choice(["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]),
    "error": .object(["code": .string, "message": .string]).orNull,
    "incomplete_details": .object(["reason": .string]).orNull, "model": .string,
    "output": .array(.object(["type": .string, "id": .string])),
    "usage": .object([
      "input_tokens": Usage.count, "input_tokens_details": .object(["cached_tokens": Usage.count]),
      "output_tokens": Usage.count, "output_tokens_details": .object(["reasoning_tokens": Usage.count]),
      "total_tokens": Usage.count,
    ]).orNull, "context_shift?": ContextShift.shape,
  ])
}

extension OllamaResponse {
  /// The response that is not streamed, and the last line of one that is.
  static func shape(_ answer: KeyValuePairs<String, JSONShape>) -> JSONShape {
    let common: KeyValuePairs<String, JSONShape> = [
      "model": .string, "created_at": .string, "done": .boolean, "done_reason?": .string,
      "total_duration?": Usage.count,
      "load_duration?": Usage.count, "prompt_eval_count?": Usage.count, "prompt_eval_duration?": Usage.count,
      "eval_count?": Usage.count, "eval_duration?": Usage.count,
    ]
    guard case .object(let members) = JSONShape.object(common), case .object(let own) = JSONShape.object(answer) else {
      preconditionFailure("objects are objects")
    }
    return .object(members + own)
  }
}

extension InfillResponse {
  /// The response that is not streamed, and the last event of one that is.
  static let shape: JSONShape = .object([
    "index": Usage.count, "content": .string, "stop": .boolean, "model": .string, "prompt": .string,
    "tokens_predicted": Usage.count, "tokens_evaluated": Usage.count, "tokens_cached": Usage.count,
    "truncated": .boolean, "has_new_line": .boolean, "stop_type": .choice(["word", "limit", "eos"]),
    "stopping_word": .string, "timings": Timings.shape,
  ])
}

extension ItemPage {
  /// The list's object.
  static let shape: JSONShape = .object([
    "object": .values(["list"]), "data": .array(.object(["type": .string, "id": .string])),
    "first_id": .string.orNull, "last_id": .string.orNull, "has_more": .boolean,
  ])
}

extension ErrorForm {
  /// The shape of an error object.
  var shape: JSONShape {
    switch self {
    case .openAI:
      .object([
        "error": .object(["message": .string, "type": .string, "param": .string.orNull, "code": .string.orNull])
      ])
    case .anthropic:
      .object([
        "type": .values(["error"]), "error": .object(["type": .string, "message": .string]), "request_id?": .string,
      ])
    case .ollama: .object(["error": .string])
    }
  }
}

extension APIError {
  /// Statuses of refusals with what they say.
  static let statuses: KeyValuePairs<Int, String> = [
    400: "The request is at fault; the error names the field and what was expected.",
    403: "The host in the request's URL is not this server's.",
    404: "There is no such model, or nothing of that name.",
    408: "The request did not come in time.",
    409: "The state that is asked for does not fit the model.",
    413: "The body is larger than the server accepts.",
    415: "The body is not JSON, or has a coding that is not supported.",
    422: "The file of the state is damaged.",
    429: "The server is busy; the header Retry-After says when to try again.",
    431: "The header fields are larger than the server accepts.",
    500: "The server is at fault.",
    503: "The server takes no requests now; the header Retry-After says when to try again.",
    504: "The answer was not finished in time.",
    529: "The server takes no requests now; the header Retry-After says when to try again.",
    507: "There is no room to store what was to be stored.",
  ]
}
