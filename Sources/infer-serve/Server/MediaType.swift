import HTTPTypes
import InferText

/// A media type that a request's body may have.
enum MediaType {
  /// The types of bodies, besides none, that a browser sends without asking the server first
  /// (https://fetch.spec.whatwg.org/#cors-safelisted-request-header).
  private static let sentUnasked: Set<ExactText> = ["multipart/form-data", "text/plain", ExactText(form)]
  private static let form = "application/x-www-form-urlencoded"

  /// `true` for a request that any page may have a browser send.
  static func isSentUnasked(_ headers: HTTPFields) -> Bool {
    guard let name = name(in: headers) else { return true }
    return sentUnasked.contains(name)
  }

  /// Refuses bodies whose type says that they are no JSON. Clients that name no type, and `curl -d`, which calls everything
  /// a form, are welcome.
  static func check(_ headers: HTTPFields) throws(APIError) {
    guard let name = name(in: headers), name != form, sentUnasked.contains(name) else { return }
    throw .unsupportedMediaType(headers[.contentType] ?? name)
  }

  /// The type without its parameters, in lower case.
  private static func name(in headers: HTTPFields) -> String? {
    headers[.contentType]?.prefix { $0 != ";" }.split(separator: " ").first?.lowercased()
  }
}
