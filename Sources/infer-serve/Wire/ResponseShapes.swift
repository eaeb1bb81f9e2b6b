import InferText

extension Usage {
  static let shape: JSONShape = .object([
    "prompt_tokens": count, "completion_tokens": count, "total_tokens": count,
    "prompt_tokens_details": .object(["cached_tokens": count]),
    "completion_tokens_details": .object(["reasoning_tokens": count]),
  ])

  /// A number of tokens.
  static let count = JSONShape.integer(0 ... .max)
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
    401: "The request has no valid API key.",
    403: "The API key lacks leave, or the host in the request's URL is not this server's.",
    404: "There is no such model, or nothing of that name.",
    408: "The request did not come in time.",
    409: "The state that is asked for does not fit the model.",
    413: "The body is larger than the server accepts.",
    415: "The body is not JSON, or has a coding that is not supported.",
    422: "The file of the state is damaged.",
    429: "The server is busy, or a limit of the API key is reached; the header Retry-After says when to try again.",
    431: "The header fields are larger than the server accepts.",
    500: "The server is at fault.",
    503: "The server takes no requests now; the header Retry-After says when to try again.",
    504: "The answer was not finished in time.",
    529: "The server takes no requests now; the header Retry-After says when to try again.",
    507: "There is no room to store what was to be stored.",
  ]
}
