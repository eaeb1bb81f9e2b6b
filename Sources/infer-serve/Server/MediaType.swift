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

  /// `true` for a client that likes one type better than another (RFC 9110, 12.5.1). One that says nothing, or `*/*`, likes
  /// all alike.
  static func prefers(_ type: String, to other: String, _ headers: HTTPFields) -> Bool {
    let ranges = headers[values: .accept].flatMap { $0.split(separator: ",") }.map(range)
    return quality(of: type, in: ranges) > quality(of: other, in: ranges)
  }

  /// A media range of `Accept`, in lower case, and its weight.
  private static func range(_ text: Substring) -> (name: String, quality: Double) {
    let parts = text.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
    let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 }
    return (parts.first ?? "", weight ?? 1)
  }

  /// The weight of the most specific range that a type is in; 0 where it is in none.
  private static func quality(of type: String, in ranges: [(name: String, quality: Double)]) -> Double {
    let family = type.prefix { $0 != "/" } + "/*"
    for name in [type, String(family), "*/*"] {
      if let range = ranges.first(where: { $0.name.isExactly(name) }) { return range.quality }
    }
    return 0
  }
}
