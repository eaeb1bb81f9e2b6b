import InferCore

extension APIError {
  /// Seconds after which a full queue may have room again. Honest guesses would need the lengths of answers that
  /// nobody knows yet; clients back off by themselves.
  static let queueRetryAfter = 1

  /// An engine's refusal as the API says it.
  init(_ error: RequestError) {
    switch error {
    case .invalid(let field, let reason):
      self = .invalid(field, "\(field) \(reason).", code: "invalid_value")
    case .emptyPrompt:
      self = .invalid("prompt", "The prompt is empty; at least one token is needed.", code: "empty_prompt")
    case .tokenOutOfRange(let token, let position, let vocabularySize):
      self = .invalid(
        "prompt", "Token \(token) at position \(position) of the prompt is outside 0 ..< \(vocabularySize).",
        code: "token_out_of_range")
    case .promptTooLong(let tokens, let limit):
      self = .invalid(
        "prompt", "The prompt has \(tokens) tokens; at most \(limit) leave room for an answer.",
        code: Self.contextExceeded)
    case .neverFits(let tokens, let limit):
      self = .invalid(
        "max_tokens", "Prompt and answer may take \(tokens) tokens together, but at most \(limit) fit.",
        code: Self.contextExceeded)
    case .queueFull(let limit):
      self = APIError(
        status: 429, message: "\(limit) requests are unfinished already; try again later.", type: "rate_limit_error",
        code: "queue_full", retryAfter: Self.queueRetryAfter)
    case .draining:
      self = .unavailable("The server is shutting down.", code: "draining", retryAfter: 5)
    }
  }

  /// The same, with the field that holds the prompt named as the endpoint names it.
  func renamingPrompt(to field: String) -> APIError {
    var error = self
    if error.parameter == "prompt" { error.parameter = field }
    return error
  }
}
