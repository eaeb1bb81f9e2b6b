import InferText

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
