import HTTPTypes
import Hummingbird

/// Brings requests with whatever method to their paths: the router finds what answers by path and method.
struct MethodResponder: HTTPResponder {
  private let router: RouterResponder<ServeContext>

  /// The methods that the router has to know.
  static let methods: [HTTPRequest.Method] = [
    .get, .head, .post, .put, .patch, .delete, .options, .trace, .connect, query, unknown,
  ]
  private static let query = HTTPRequest.Method("QUERY") ?? .trace
  /// The method that it knows all others by.
  private static let unknown = HTTPRequest.Method("UNKNOWN") ?? .trace

  init(_ router: RouterResponder<ServeContext>) { self.router = router }

  func respond(to request: Request, context: ServeContext) async throws -> Response {
    guard !Self.methods.contains(request.method) else {
      return try await router.respond(to: request, context: context)
    }
    var context = context
    context.unknownMethod = request.method
    return try await router.respond(to: request.with(Self.unknown), context: context)
  }
}

extension Request {
  /// This request with another method.
  func with(_ method: HTTPRequest.Method) -> Request {
    var head = head
    head.method = method
    return Request(head: head, body: body)
  }
}
