import HTTPTypes
import Hummingbird

/// The paths of an endpoint, the first of which is the one to tell of, and an operation for each of its methods.
struct Route: Sendable {
  var paths: [String]
  var operations: [(method: HTTPRequest.Method, operation: Operation)]

  var methods: [HTTPRequest.Method] { operations.map(\.method) }

  /// The operation of a method, which for HEAD is that of GET; `nil` for none.
  func operation(of method: HTTPRequest.Method) -> Operation? {
    operations.first { $0.method == (method == .head ? .get : method) }?.operation
  }

  /// The value of the header `Allow`.
  var allow: String { methods.flatMap { $0 == .get ? ["GET", "HEAD"] : [$0.rawValue] }.joined(separator: ", ") }
}

/// A route, and what answers it. Clients that prefer a page get one on the first path, where there is one.
struct Endpoint: Sendable {
  typealias Handler = @Sendable (Request, ServeContext) async throws -> Response

  var route: Route
  var handler: Handler
  /// Answers clients that prefer a page, none of which needs a key; `nil` where there is none.
  var page: Handler?

  init(paths: [String], operations: [(method: HTTPRequest.Method, operation: Operation)], handler: @escaping Handler) {
    self.init(Route(paths: paths, operations: operations), handler)
  }

  init(_ route: Route, _ handler: @escaping Handler) {
    self.route = route
    self.handler = handler
  }

  /// This endpoint with a page.
  func with(page: @escaping Handler) -> Endpoint {
    var endpoint = self
    endpoint.page = page
    return endpoint
  }
}
