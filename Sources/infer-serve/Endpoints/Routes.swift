import HTTPTypes
import Hummingbird
import InferCore

/// Which path is answered by what.
enum Routes {
  private typealias Handler = @Sendable (Request, ServeContext) async throws -> Response

  /// An endpoint: its paths, the first of which is the one to tell of, and the methods it has.
  private struct Endpoint {
    var paths: [String]
    var methods: [HTTPRequest.Method]
    var handler: Handler

    /// The value of the header `Allow`.
    var allow: String { methods.flatMap { $0 == .get ? ["GET", "HEAD"] : [$0.rawValue] }.joined(separator: ", ") }
  }

  /// Methods that a client may try on any path.
  private static let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options]

  /// The router of all endpoints. What stands under `/v1` is there without it too.
  static func router(_ service: GenerationService) -> Router<ServeContext> {
    let state = service.state
    let router = Router(context: ServeContext.self)
    router.add(
      middleware: RequestMiddleware(metrics: service.metrics, responses: state.responses, logger: service.logger))
    let (tokenization, health) = (Tokenization(service: service), Health(state: state))
    let (models, properties) = (Models(state: state), Properties(state: state))
    let messages = Messages(service: service)
    let (ollama, ollamaModels) = (Ollama(service: service), OllamaModels(service: service))
    let cache = PrefixCache(state: state)
    let (responses, ranking) = (Responses(service: service), Ranking(service: service))
    let sessions = Sessions(service: service, folder: service.sessionFolder)
    var endpoints = [
      post(["/v1/chat/completions", "/chat/completions"], ChatCompletions(service: service).respond),
      post(["/v1/completions", "/completions"], Completions(service: service).respond),
      post(["/infill", "/v1/infill"], Infill(service: service).respond),
      post(["/v1/messages", "/messages"], messages.respond),
      post(["/v1/messages/count_tokens", "/messages/count_tokens"], messages.count),
      post(["/v1/embeddings", "/embeddings"], Embeddings(service: service).respond),
      post(["/v1/rerank", "/rerank", "/v2/rerank"], ranking.rerank), post(["/v1/score", "/score"], ranking.score),
      post(["/v1/responses", "/responses"], responses.respond),
      post(["/v1/responses/input_tokens", "/responses/input_tokens"], responses.count),
      Endpoint(
        paths: ["/v1/responses/{id}", "/responses/{id}"], methods: [.get, .delete], handler: responses.tellOrDelete),
      get(["/v1/responses/{id}/input_items", "/responses/{id}/input_items"], responses.inputItems),
      post(["/v1/responses/{id}/cancel", "/responses/{id}/cancel"], responses.cancel),
      post(["/api/chat"], ollama.chat), post(["/api/generate"], ollama.generate),
      get(["/api/tags"], ollamaModels.tags), get(["/api/ps"], ollamaModels.running),
      get(["/api/version"], ollamaModels.version), post(["/api/show"], ollamaModels.show),
      get(["/v1/models", "/models"], models.list),
      get(["/v1/models/{id}", "/models/{id}", "/v1/models/{id}/**", "/models/{id}/**"], models.model),
      post(["/tokenize", "/v1/tokenize"], tokenization.tokenize),
      post(["/detokenize", "/v1/detokenize"], tokenization.detokenize),
      get(["/tokenizer_info", "/v1/tokenizer_info"], tokenization.info),
      post(["/apply-template", "/v1/apply-template"], tokenization.applyTemplate), get(["/props"], properties.tell),
      get(["/health", "/v1/health", "/ready", "/v1/ready"], health.respond),
      Endpoint(paths: ["/ping"], methods: [.get, .post], handler: health.respond),
      get(["/cache"], cache.tell),
      post(["/cache/reset", "/reset_prefix_cache"], cache.reset),
      get(["/v1/sessions", "/sessions"], sessions.list),
      post(["/v1/sessions/{id}/save", "/sessions/{id}/save"], sessions.save),
      post(["/v1/sessions/{id}/restore", "/sessions/{id}/restore"], sessions.restore),
      Endpoint(paths: ["/v1/sessions/{id}", "/sessions/{id}"], methods: [.delete], handler: sessions.delete),
      get(["/slots"], properties.slots), post(["/slots/{id}"], Slots(sessions: sessions).act),
      get(["/metrics"], MetricsPage(metrics: service.metrics).respond),
    ]
    let told = endpoints.map { "\($0.methods[0].rawValue) \($0.paths[0])" }
    let greeting = Greeting(state: state, endpoints: told + ["GET /version"])
    endpoints += [get(["/version", "/v1/version"], greeting.version), get(["/"], greeting.respond)]
    // Not to be told of: they tell that there is no such thing here.
    endpoints += [
      post(["/api/pull", "/api/push", "/api/create", "/api/copy"], ollamaModels.refuse),
      Endpoint(paths: ["/api/delete"], methods: [.delete], handler: ollamaModels.refuse),
      Endpoint(paths: ["/api/blobs/{digest}"], methods: [.get, .post], handler: ollamaModels.refuse),
    ]
    for endpoint in endpoints { add(endpoint, to: router) }
    return router
  }

  private static func get(_ paths: [String], _ handler: @escaping Handler) -> Endpoint {
    Endpoint(paths: paths, methods: [.get], handler: handler)
  }

  private static func post(_ paths: [String], _ handler: @escaping Handler) -> Endpoint {
    Endpoint(paths: paths, methods: [.post], handler: handler)
  }

  /// An endpoint's paths with its methods, and an answer that names them to all others.
  private static func add(_ endpoint: Endpoint, to router: Router<ServeContext>) {
    for path in endpoint.paths {
      for method in methods {
        // The middleware takes the body off the answer to HEAD.
        let isKnown = endpoint.methods.contains(method == .head ? .get : method)
        router.on(RouterPath(path), method: method) { request, context in
          if isKnown { return try await endpoint.handler(request, context) }
          throw APIError.methodNotAllowed(method.rawValue, request.uri.path, allow: endpoint.allow)
        }
      }
    }
  }
}
