import HTTPTypes

/// A media type that a request's body may have.
enum MediaType {
  /// Refuses bodies that any page in a browser could send here without asking.
  ///
  /// For most types a browser asks the server first (a CORS preflight, which this server refuses), but not for forms,
  /// plain text and bodies without a type: with those, any page that somebody on this machine visits could put the
  /// model to work. Clients that name no type, and `curl -d`, which calls everything a form, stay welcome, as browsers
  /// tell such requests apart by adding `Origin`.
  static func check(_ headers: HTTPFields) throws(APIError) {
    let given = headers[.contentType]
    let type = given?.prefix { $0 != ";" }.split(separator: " ").first
    switch type?.lowercased() {
    case "multipart/form-data", "text/plain": throw .unsupportedMediaType(given)
    case "application/x-www-form-urlencoded", nil:
      if headers[.origin] != nil { throw .unsupportedMediaType(given) }
    default: break
    }
  }
}
