import CPage
import HTTPTypes
import Hummingbird
import InferCore
import InferText
import NIOCore

/// `GET /dashboard`, `GET /page/NAME`, and `GET /` and `GET /usage` for those who prefer a page: the chat, its dashboard, what
/// keys have used, and the files that these are made of, which the binary holds. They are no secret, and are the same for
/// everyone.
enum Page {
  /// One file, and the headers of an answer that has it.
  private struct File: Sendable {
    var bytes: ByteBuffer
    var headers: HTTPFields
  }

  /// Nothing is loaded from elsewhere, and nothing that stands in a page is run.
  private static let policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    + "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  private static let files: TextDictionary<File> = {
    var files: TextDictionary<File> = [:]
    for index in 0..<cpage_file_count {
      let file = unsafe cpage_files[index]
      let bytes = unsafe Array(UnsafeBufferPointer(start: file.bytes, count: file.length))
      unsafe files[String(cString: file.path)] = File(
        bytes: ByteBuffer(bytes: bytes),
        headers: [
          .contentType: String(cString: file.media_type), .eTag: tag(bytes), .cacheControl: "no-cache",
          .contentSecurityPolicy: policy, .xContentTypeOptions: "nosniff",
          .knownName("referrer-policy"): "no-referrer",
        ])
    }
    return files
  }()

  /// An entity tag that changes with any byte.
  private static func tag(_ bytes: [UInt8]) -> String {
    "\"\(SHA256.hash(data: bytes).prefix(12).hexadecimal)\""
  }

  /// `true` for a client that prefers a page to data. A query is about data.
  static func isPreferred(_ request: Request) -> Bool {
    request.uri.query == nil && MediaType.prefers("text/html", to: "application/json", request.headers)
  }

  /// The chat.
  static let chat: Endpoint.Handler = { request, _ in try file("index.html", request) }
  /// The page of live figures.
  static let dashboard: Endpoint.Handler = { request, _ in try file("dashboard.html", request) }
  /// The page of what keys and models have used.
  static let usage: Endpoint.Handler = { request, _ in try file("usage.html", request) }
  /// A file that the pages use.
  static let part: Endpoint.Handler = { request, _ in try file(String(request.uri.path.dropFirst()), request) }

  /// The file, or the word that the client has it already.
  private static func file(_ name: String, _ request: Request) throws(APIError) -> Response {
    guard let file = files[name] else { throw .unknownRoute(request.method.rawValue, request.uri.path) }
    if let tag = file.headers[.eTag], request.headers[.ifNoneMatch].map({ names(tag, in: $0) }) == true {
      return Response(status: .notModified, headers: file.headers)
    }
    return Response(status: .ok, headers: file.headers, body: ResponseBody(byteBuffer: file.bytes))
  }

  /// `true` where a list of entity tags has this one, compared weakly (RFC 9110, 13.1.2).
  private static func names(_ tag: String, in list: String) -> Bool {
    list.split(separator: ",").contains { (element: Substring) -> Bool in
      var name = element.drop { $0 == " " }.prefix { $0 != " " }
      if name.hasPrefix("W/") { name = name.dropFirst(2) }
      return String(name).isExactly("*") || String(name).isExactly(tag)
    }
  }
}
