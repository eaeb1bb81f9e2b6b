import InferCore
import InferText

/// A refusal in the form clients of the OpenAI API know: a status and
/// `{"error": {"message", "type", "param", "code"}}`.
struct APIError: Error, Equatable {
  var status: Int
  var message: String
  /// The class of error: `invalid_request_error`, `rate_limit_error`, `server_error`, ….
  var type: String
  /// The field of the request that is at fault.
  var parameter: String?
  /// A name for programs: `model_not_found`, `context_length_exceeded`, ….
  var code: String?
  /// Seconds after which it makes sense to try again.
  var retryAfter: Int?
  /// The methods that a path has, for status 405.
  var allow: String?
  /// The codings that bodies may have, for status 415.
  var acceptEncoding: String?

  /// The code of requests that are too long.
  static let contextExceeded = "context_length_exceeded"

  /// The request is at fault.
  static func invalid(_ parameter: String?, _ message: String, code: String? = nil) -> APIError {
    APIError(status: 400, message: message, type: "invalid_request_error", parameter: parameter, code: code)
  }

  /// The request asks for something that this server does not do.
  static func unsupported(_ parameter: String, _ message: String) -> APIError {
    .invalid(parameter, message, code: "unsupported_parameter")
  }

  /// No model of that name is served.
  static func modelNotFound(_ name: String, served: [String]) -> APIError {
    let names = served.map { "'\($0)'" }.joined(separator: ", ")
    return APIError(
      status: 404, message: "The model '\(name)' does not exist; this server serves \(names).",
      type: "invalid_request_error", parameter: "model", code: "model_not_found")
  }

  /// No such path.
  static func unknownRoute(_ method: String, _ path: String) -> APIError {
    APIError(
      status: 404, message: "Unknown request URL: \(method) \(path).", type: "invalid_request_error",
      code: "unknown_url")
  }

  /// The path exists, with other methods.
  static func methodNotAllowed(_ method: String, _ path: String, allow: String) -> APIError {
    APIError(
      status: 405, message: "\(path) does not accept \(method); use \(allow).", type: "invalid_request_error",
      code: "method_not_allowed", allow: allow)
  }

  /// The method is one that no endpoint has.
  static func unknownMethod(_ method: String) -> APIError {
    APIError(
      status: 501, message: "The request's method \(method) is not known.", type: "invalid_request_error",
      code: "unknown_method")
  }

  /// The body is larger than the server accepts.
  static func bodyTooLarge(limit: Int) -> APIError {
    APIError(
      status: 413, message: "The request body is larger than the limit of \(limit) bytes.",
      type: "invalid_request_error", code: "request_too_large")
  }

  /// The body is said to be something other than JSON; `found` is what the header says, if there is one.
  static func unsupportedMediaType(_ found: String) -> APIError {
    APIError(
      status: 415,
      message:
        "The request body must have the content type application/json, not '\(found)'.",
      type: "invalid_request_error", code: "unsupported_media_type")
  }

  /// The body has a coding that nothing here undoes.
  static func unsupportedContentCoding(_ found: String) -> APIError {
    APIError(
      status: 415,
      message: "The request body has the content encoding '\(found)'; supported are \(ContentCoding.supported).",
      type: "invalid_request_error", code: "unsupported_content_encoding", acceptEncoding: ContentCoding.supported)
  }

  /// The error for bytes that are no HTTP request.
  static func malformed(_ reason: String) -> APIError {
    .invalid(nil, "The request is not valid HTTP: \(reason).", code: "malformed_request")
  }

  /// The header fields are larger than the server accepts.
  static let headerTooLarge = APIError(
    status: 431, message: "The request's header fields or its URL are larger than the server's limit.",
    type: "invalid_request_error", code: "header_too_large")

  /// The request names a host that this server is not.
  static func hostNotAllowed(_ host: String) -> APIError {
    APIError(
      status: 403,
      message: "The server does not answer for the host '\(host)'; it can be told to by --allowed-host.",
      type: "invalid_request_error", code: "host_not_allowed")
  }

  /// A page of another server has no leave to use this one.
  static func originNotAllowed(_ origin: String) -> APIError {
    APIError(
      status: 403,
      message: "Pages of the origin '\(origin)' may not use the server; --allowed-origin tells it that they may.",
      type: "invalid_request_error", code: "origin_not_allowed")
  }

  /// The rest of the request did not come.
  static func requestIncomplete(after limit: Duration) -> APIError {
    APIError(
      status: 408, message: "The request did not come whole within \(limit.inSeconds) s.",
      type: "invalid_request_error", code: "request_timeout")
  }

  /// The constraint on an answer has come to the limit of states, or of work: a fault of the request, which the same request has again.
  static func constraintTooLarge(_ parameter: String?) -> APIError {
    .invalid(
      parameter,
      "\(parameter ?? "The constraint on the answer") is too large to be held any further: it has come to more than "
        + "\(Constraint.stateLimit) states, or to more work than a token may take. Lower bounds of repetitions (maxLength, maxItems, {m,n}), fewer alternatives "
        + "that begin alike, fewer optional parts, and no uniqueItems make it smaller.",
      code: "constraint_too_large")
  }

  /// An answer came to a place behind which the constraint of a field allows nothing.
  static func constraintDeadEnd(_ parameter: String?) -> APIError {
    .invalid(
      parameter,
      "\(parameter ?? "The constraint on the answer") cannot be held any further: the answer came to a place behind which "
        + "nothing may follow, as where elements must differ (uniqueItems) and none is left.",
      code: "constraint_dead_end")
  }

  /// The client did not read its answer.
  static let notRead = APIError(
    status: 408, message: "The answer was not read for too long.", type: "invalid_request_error",
    code: "answer_not_read")

  /// Large requests are being read, more than there is room for.
  static let tooManyBodies = APIError.unavailable(
    "Too many large requests are being read; try again later.", code: "too_many_bodies", retryAfter: 1)

  /// All connections that the server takes are in use.
  static let tooManyConnections = APIError.unavailable(
    "Too many connections are open.", code: "too_many_connections", retryAfter: 1)

  /// The server cannot take requests now.
  static func unavailable(_ message: String, code: String, retryAfter: Int) -> APIError {
    APIError(status: 503, message: message, type: "service_unavailable", code: code, retryAfter: retryAfter)
  }

  /// The request took longer than the server allows.
  static func timedOut(after limit: Duration) -> APIError {
    APIError(
      status: 504, message: "The request did not finish within \(limit.inSeconds) s.", type: "server_error",
      code: "request_timeout")
  }

  /// The client closed its connection. Nobody reads this; the status, which is nginx's, is for logs and metrics.
  static let clientGone = APIError(
    status: 499, message: "The client closed the connection.", type: "invalid_request_error", code: "client_closed")

  /// The fault is here.
  static func failed(_ message: String) -> APIError {
    APIError(status: 500, message: message, type: "server_error", code: "internal_error")
  }

  /// The error object, with all four members.
  var json: JSONValue {
    [
      "error": [
        "message": .string(message), "type": .string(type), "param": parameter.map(JSONValue.string) ?? .null,
        "code": code.map(JSONValue.string) ?? .null,
      ]
    ]
  }
}

extension Duration {
  /// The seconds to a thousandth, without zeros at the end.
  fileprivate var inSeconds: String {
    let milliseconds = (seconds * 1000).rounded()
    let whole = Int(milliseconds / 1000)
    return milliseconds == Double(whole) * 1000 ? "\(whole)" : "\(milliseconds / 1000)"
  }
}
