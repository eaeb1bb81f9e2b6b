import Hummingbird
import InferCore
import InferText

/// The form in which an API tells errors.
enum ErrorForm: Sendable {
  /// `{"error": {"message", "type", "param", "code"}}`
  case openAI
  /// `{"type": "error", "error": {"type", "message"}, "request_id"}`
  case anthropic
  /// `{"error": "…"}`
  case ollama

  /// The form for a request's target, which may have a query.
  init(target: String) {
    let parts = target.prefix { $0 != "?" }.split(separator: "/").drop { $0 == "v1" }
    self =
      switch parts.first {
      case "messages": .anthropic
      case "api": .ollama
      default: .openAI
      }
  }
}

extension APIError {
  /// The error object in the form of an API.
  ///
  /// - Parameter requestID: The request's name; `nil` where it has none.
  func json(in form: ErrorForm, requestID: String? = nil) -> JSONValue {
    switch form {
    case .openAI: return json
    case .ollama: return ["error": .string(message)]
    case .anthropic:
      var members: JSONObject = [
        "type": "error", "error": ["type": .string(anthropicType), "message": .string(message)],
      ]
      members["request_id"] = requestID.map(JSONValue.string)
      return .object(members)
    }
  }

  /// The status in the form of an API: Anthropic's clients know a server that takes no requests now by 529.
  func status(in form: ErrorForm) -> Int { form == .anthropic && status == 503 ? 529 : status }

  /// The refusal as an HTTP response in the form of an API.
  func response(in form: ErrorForm, requestID: String? = nil) -> Response {
    var response = Response.json(json(in: form, requestID: requestID), status: .init(code: status(in: form)))
    if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
    if status == 401 { response.headers[.wwwAuthenticate] = "Bearer" }
    if let allow { response.headers[.allow] = allow }
    if let acceptEncoding { response.headers[.acceptEncoding] = acceptEncoding }
    return response
  }

  /// Anthropic's name for the class of error.
  private var anthropicType: String {
    switch status {
    case 401: "authentication_error"
    case 403: "permission_error"
    case 404: "not_found_error"
    case 413: "request_too_large"
    case 429: "rate_limit_error"
    case 503: "overloaded_error"
    case 504: "timeout_error"
    case 500...: "api_error"
    default: "invalid_request_error"
    }
  }
}
