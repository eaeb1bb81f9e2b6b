import InferText

extension InfillResponse {
  /// The response that is not streamed, and the last event of one that is.
  static let shape: JSONShape = .object([
    "index": Usage.count, "content": .string, "stop": .boolean, "model": .string, "prompt": .string,
    "tokens_predicted": Usage.count, "tokens_evaluated": Usage.count, "tokens_cached": Usage.count,
    "truncated": .boolean, "has_new_line": .boolean, "stop_type": .choice(["word", "limit", "eos"]),
    "stopping_word": .string, "timings": Timings.shape,
  ])
}
