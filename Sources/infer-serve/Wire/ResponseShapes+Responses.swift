import InferText

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

extension ItemPage {
  /// The list's object.
  static let shape: JSONShape = .object([
    "object": .values(["list"]), "data": .array(.object(["type": .string, "id": .string])),
    "first_id": .string.orNull, "last_id": .string.orNull, "has_more": .boolean,
  ])
}
