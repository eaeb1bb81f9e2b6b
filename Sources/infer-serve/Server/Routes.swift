import HTTPTypes
import Hummingbird
import InferCore
import Logging

/// Which path is answered by what.
enum Routes {
  private typealias Handler = @Sendable (Request, ServeContext) async throws -> Response

  /// Methods that a client may try on any path.
  private static let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options]

  /// The router of all endpoints.
  static func router(_ service: GenerationService, logger: Logger) -> Router<ServeContext> {
    let state = service.state
    let router = Router(context: ServeContext.self)
    router.add(middleware: RequestMiddleware(metrics: service.metrics, responses: state.responses, logger: logger))
    add("/v1/chat/completions", .post, ChatCompletions(service: service).respond, to: router)
    add("/v1/completions", .post, Completions(service: service).respond, to: router)
    add("/v1/models", .get, Models(state: state).list, to: router)
    add("/v1/models/{id}", .get, Models(state: state).model, to: router)
    add("/health", .get, Health(state: state).respond, to: router)
    add("/metrics", .get, MetricsPage(metrics: service.metrics).respond, to: router)
    return router
  }

  /// One path with one method, and an answer that says so to all others.
  private static func add(
    _ path: String, _ method: HTTPRequest.Method, _ handler: @escaping Handler, to router: Router<ServeContext>
  ) {
    let isGet = method == .get
    for other in methods {
      router.on(RouterPath(path), method: other) { request, context in
        // The middleware takes the body off the answer to HEAD.
        if other == method || isGet && other == .head { return try await handler(request, context) }
        throw APIError.methodNotAllowed(
          other.rawValue, request.uri.path, allow: isGet ? "GET, HEAD" : method.rawValue)
      }
    }
  }
}
