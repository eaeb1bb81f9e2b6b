import InferText

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
