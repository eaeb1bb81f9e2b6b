import InferCore

extension APIError {
  /// An engine's refusal as the API says it.
  ///
  /// - Parameters:
  ///   - promptField: The field that holds the prompt, as the endpoint names it.
  ///   - spelling: How the request spells a field.
  ///   - maxTokens: The tokens that the request wanted to have generated, if it said so.
  init(
    _ error: RequestError, promptField: String = "prompt", naming spelling: (String) -> String = { $0 },
    maxTokens: Int? = nil
  ) {
    switch error {
    case .invalid(let property, let reason):
      let field = spelling(property.field)
      self = .invalid(field, "\(field) \(reason).", code: "invalid_value")
    case .emptyPrompt:
      self = .invalid(promptField, "\(promptField) is empty; at least one token is needed.", code: "empty_prompt")
    case .tokenOutOfRange(let token, let position, let vocabularySize):
      self = .invalid(
        promptField, "Token \(token) at position \(position) of the prompt is outside 0 ..< \(vocabularySize).",
        code: "token_out_of_range")
    case .promptTooLong(let tokens, let limit):
      // A prompt that is only read may fill the context.
      let length = maxTokens == 0 ? limit : limit + 1
      self = .contextExceeded(length: length, tokens: tokens, field: promptField, maxTokens: maxTokens)
    case .noHead:
      let sentence = error.description.prefix(1).uppercased() + error.description.dropFirst()
      self = .invalid(nil, "\(sentence).", code: error.label)
    case .queueFull(_, let retryAfter), .queueTokensFull(_, let retryAfter):
      let seconds = Int(retryAfter.seconds.rounded(.up))
      self = APIError(
        status: 429, message: "The server is busy: \(error), in about \(seconds) s.",
        type: "rate_limit_error", code: error.label, retryAfter: seconds)
    case .draining:
      self = .unavailable("The server is shutting down.", code: "draining", retryAfter: 5)
    }
  }

  /// A prompt that leaves no room for an answer, in OpenAI's words: clients know them and shorten the conversation.
  static func contextExceeded(length: Int, tokens: Int, field: String, maxTokens: Int? = nil) -> APIError {
    let limit = "This model's maximum context length is \(length) tokens."
    guard let maxTokens, maxTokens < .max - tokens else {
      return .invalid(
        field,
        "\(limit) However, your \(field) resulted in \(tokens) tokens. Please reduce the length of the \(field).",
        code: contextExceeded)
    }
    return .invalid(
      field,
      "\(limit) However, you requested \(tokens + maxTokens) tokens (\(tokens) in the \(field), \(maxTokens) in the "
        + "completion). Please reduce the length of the \(field) or completion.", code: contextExceeded)
  }
}
