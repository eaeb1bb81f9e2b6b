import InferText

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
