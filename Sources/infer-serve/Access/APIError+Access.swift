import InferCore

extension APIError {
  /// The request has no key that counts. Why is nobody's business.
  static let unauthorized = APIError(
    status: 401, message: "A valid API key is required, as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.",
    type: "authentication_error", code: "invalid_api_key")

  /// The key has no leave for what the operation belongs to.
  static func scopeMissing(_ scope: KeyScope) -> APIError {
    APIError(
      status: 403, message: "The API key lacks the scope '\(scope.rawValue)', which this needs.",
      type: "permission_error", code: "insufficient_scope")
  }

  /// The code of requests for models that are not the key's.
  static let modelNotAllowedCode = "model_not_allowed"

  /// The key has no leave for a model.
  static func modelNotAllowed(_ name: String) -> APIError {
    APIError(
      status: 403, message: "The API key may not use the model '\(name)'.", type: "permission_error",
      parameter: "model", code: modelNotAllowedCode)
  }

  /// A limit of the key is reached.
  static func limitReached(_ reached: LimitReached) -> APIError {
    let seconds = reached.wait.map { max(1, Int($0.seconds.rounded(.up))) }
    let advice = seconds.map { "try again in \($0) s" } ?? "try again when one of them is over"
    return APIError(
      status: 429, message: "The API key may have \(reached.limit), which are reached; \(advice).",
      type: "rate_limit_error", code: "rate_limit_exceeded", retryAfter: seconds ?? 1)
  }
}
