import HTTPTypes
import Hummingbird
import InferText
import NIOCore

/// `GET /openapi.json` and `GET /docs`: the description of all endpoints, for programs and for people.
struct Documentation: Sendable {
  /// The document's bytes.
  private let bytes: ByteBuffer

  static let documentRoute = Route(paths: ["/openapi.json"], operations: [(.get, .document)])
  static let pageRoute = Route(paths: ["/docs"], operations: [(.get, .page)])

  static let pageType = "text/html; charset=utf-8"

  /// The description of these routes and its own.
  ///
  /// - Parameter needsKeys: `true` where the server has keys.
  init(_ routes: [Route], needsKeys: Bool, under rootPath: RootPath) {
    let document = OpenAPI.document(
      routes + [Self.documentRoute, Self.pageRoute], needsKeys: needsKeys,
      under: rootPath)
    bytes = ByteBuffer(string: document.serialized() + "\n")
  }

  /// The endpoints of the description.
  var endpoints: [Endpoint] { [Endpoint(Self.documentRoute, document), Endpoint(Self.pageRoute, page)] }

  func document(_ request: Request, _ context: ServeContext) -> Response {
    Response(status: .ok, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: bytes))
  }

  /// A page that reads the document and needs nothing else.
  func page(_ request: Request, _ context: ServeContext) -> Response {
    Response(
      status: .ok,
      headers: [
        .contentType: Self.pageType,
        .contentSecurityPolicy: "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
          + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      ], body: ResponseBody(byteBuffer: ByteBuffer(string: DocumentationPage.html)))
  }
}
