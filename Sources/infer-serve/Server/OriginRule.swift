import HTTPTypes
import Hummingbird
import InferText
import NIOCore

/// Which origins' pages may use the server from a browser (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol).
///
/// A browser adds `Origin` to what a page sends to another server than its own, asks beforehand whether the page may send
/// it, and shows the page no answer that does not name that origin. Some requests it sends without asking: of pages that
/// may not use the server, those are refused if they could do anything.
struct OriginRule: Sendable {
  /// Origins that are taken, in lower case.
  private let names: Set<ExactText>
  private let takesAll: Bool
  private let isLoopback: Bool

  /// - Parameters:
  ///   - names: Origins that are taken, as `https://chat.example`; `*` for all.
  ///   - isLoopback: `true` for a server on a loopback address, which takes pages of this machine's own servers as well.
  init(names: [String], isLoopback: Bool) {
    self.names = Set(names.map { ExactText($0.lowercased()) })
    takesAll = names.contains("*")
    self.isLoopback = isLoopback
  }

  /// `true` for an origin that `--allowed-origin` can name: a scheme and a host with its port and nothing more, `null`,
  /// or `*`.
  static func isName(_ name: String) -> Bool {
    if name == "*" || name == "null" { return true }
    guard let (scheme, authority) = parts(of: name) else { return false }
    return !scheme.isEmpty && !authority.isEmpty && !authority.utf8.contains { [0x20, 0x2f, 0x3f, 0x23].contains($0) }
  }

  /// Answers the question of a browser whether a page may send a request; `nil` for any other request.
  ///
  /// - Throws: ``APIError/originNotAllowed(_:)`` where the page may not.
  func answer(_ request: Request) throws(APIError) -> Response? {
    guard let origin = foreignOrigin(of: request) else { return nil }
    let method = request.headers[.accessControlRequestMethod]
    let isQuestion = request.method == .options && method != nil
    let isUnasked = request.method == .post && MediaType.isSentUnasked(request.headers)
    if isQuestion || isUnasked, !takes(origin) { throw .originNotAllowed(origin) }
    guard isQuestion else { return nil }
    var headers: HTTPFields = [.accessControlMaxAge: "600"]
    headers[.accessControlAllowMethods] = method
    headers[.accessControlAllowHeaders] = request.headers[.accessControlRequestHeaders]
    if request.headers[.requestsPrivateNetwork] == "true" { headers[.allowsPrivateNetwork] = "true" }
    return Response(status: .noContent, headers: headers)
  }

  /// Adds to a response that the page which asked may read it.
  func admit(_ request: Request, to headers: inout HTTPFields) {
    if !takesAll { headers.append(HTTPField(name: .vary, value: "Origin")) }
    guard let origin = foreignOrigin(of: request), takes(origin) else { return }
    headers[.accessControlAllowOrigin] = takesAll ? "*" : origin
    headers[.accessControlExposeHeaders] = "*"
  }

  /// The origin of a page of another server than this one.
  private func foreignOrigin(of request: Request) -> String? {
    guard let origin = request.headers[.origin] else { return nil }
    if let own = request.head.authority, let (_, authority) = Self.parts(of: origin),
      authority.lowercased().isExactly(own.lowercased())
    {
      return nil
    }
    return origin
  }

  private func takes(_ origin: String) -> Bool {
    if takesAll || names.contains(origin.lowercased()) { return true }
    guard isLoopback, let host = Self.parts(of: origin).flatMap({ HostRule.host(of: String($0.authority)) })
    else { return false }
    return HostRule.isLocalName(host)
      || ConnectionOrigin(try? SocketAddress(ipAddress: host, port: 0)).isLoopback
  }

  /// The scheme of an origin, and the host with its port.
  private static func parts(of origin: String) -> (scheme: Substring, authority: Substring)? {
    guard let separator = origin.firstRange(of: "://") else { return nil }
    return (origin[..<separator.lowerBound], origin[separator.upperBound...])
  }
}

extension HTTPField.Name {
  /// A page from the network asks for a server of the machine that it is shown on (Private Network Access).
  fileprivate static var requestsPrivateNetwork: HTTPField.Name {
    knownName("access-control-request-private-network")
  }
  fileprivate static var allowsPrivateNetwork: HTTPField.Name { knownName("access-control-allow-private-network") }
}
