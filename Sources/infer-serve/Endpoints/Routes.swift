import HTTPTypes
import Hummingbird
import InferCore

/// Which path is answered by what.
enum Routes {
  /// The router of all endpoints. What stands under `/v1` is there without it too.
  ///
  /// - Parameter proxies: The proxies that are believed in the log.
  static func router(
    _ service: GenerationService, origins: OriginRule, proxies: TrustedProxies = .none
  ) -> Router<ServeContext> {
    let router = Router(context: ServeContext.self)
    router.add(
      middleware: RequestMiddleware(
        metrics: service.metrics, responses: service.state.responses, origins: origins, proxies: proxies,
        isEncrypted: service.isEncrypted, tracer: service.tracer, requestLog: service.requestLog,
        logger: service.logger))
    let access = AccessControl(keys: service.keys, metrics: service.metrics)
    for endpoint in endpoints(service) { add(endpoint, behind: access, to: router) }
    return router
  }

  /// All endpoints.
  static func endpoints(_ service: GenerationService) -> [Endpoint] {
    let state = service.state
    let (tokenization, health) = (Tokenization(service: service), Health(state: state))
    let (models, properties) = (Models(service: service), Properties(state: state))
    let messages = Messages(service: service)
    let (ollama, ollamaModels) = (Ollama(service: service), OllamaModels(service: service))
    let (cache, ollamaEmbeddings) = (PrefixCache(state: state), OllamaEmbeddings(service: service))
    let (responses, ranking) = (Responses(service: service), Ranking(service: service))
    let sessions = Sessions(service: service, folder: service.sessionFolder)
    let endpoints = [
      post(["/v1/chat/completions", "/chat/completions"], ChatCompletions(service: service).respond, .chat),
      post(["/v1/completions", "/completions"], Completions(service: service).respond, .completions),
      post(["/infill", "/v1/infill"], Infill(service: service).respond, .infill),
      post(["/v1/messages", "/messages"], messages.respond, .messages),
      post(["/v1/messages/count_tokens", "/messages/count_tokens"], messages.count, .countMessages),
      post(["/v1/embeddings", "/embeddings"], Embeddings(service: service).respond, .embeddings),
      post(["/v1/rerank", "/rerank", "/v2/rerank"], ranking.rerank, .rerank),
      post(["/v1/score", "/score"], ranking.score, .score),
      post(["/v1/responses", "/responses"], responses.respond, .responses),
      post(["/v1/responses/input_tokens", "/responses/input_tokens"], responses.count, .countInput),
      Endpoint(
        paths: ["/v1/responses/{id}", "/responses/{id}"],
        operations: [(.get, .retrieveResponse), (.delete, .deleteResponse)], handler: responses.tellOrDelete),
      get(["/v1/responses/{id}/input_items", "/responses/{id}/input_items"], responses.inputItems, .inputItems),
      post(["/v1/responses/{id}/cancel", "/responses/{id}/cancel"], responses.cancel, .cancelResponse),
      post(["/api/chat"], ollama.chat, .ollamaChat), post(["/api/generate"], ollama.generate, .ollamaGenerate),
      post(["/api/embed"], ollamaEmbeddings.embed, .ollamaEmbed),
      post(["/api/embeddings"], ollamaEmbeddings.embeddings, .ollamaEmbeddings),
      get(["/api/tags"], ollamaModels.tags, .ollamaTags), get(["/api/ps"], ollamaModels.running, .ollamaRunning),
      get(["/api/version"], ollamaModels.version, .ollamaVersion),
      post(["/api/show"], ollamaModels.show, .ollamaShow),
      get(["/v1/models", "/models"], models.list, .models),
      post(["/v1/models/load", "/models/load"], models.load, .loadModel),
      post(["/v1/models/unload", "/models/unload"], models.unload, .unloadModel),
      get(["/v1/models/{id}", "/models/{id}", "/v1/models/{id}/**", "/models/{id}/**"], models.model, .model),
      post(["/tokenize", "/v1/tokenize"], tokenization.tokenize, .tokenize),
      post(["/v1/chat/completions/render", "/chat/completions/render"], tokenization.renderChat, .renderChat),
      post(["/v1/completions/render", "/completions/render"], tokenization.renderCompletion, .renderCompletion),
      post(["/detokenize", "/v1/detokenize"], tokenization.detokenize, .detokenize),
      get(["/tokenizer_info", "/v1/tokenizer_info"], tokenization.info, .tokenizerInfo),
      post(["/apply-template", "/v1/apply-template"], tokenization.applyTemplate, .applyTemplate),
      get(["/props"], properties.tell, .properties),
      get(["/health", "/v1/health", "/ready", "/v1/ready"], health.respond, .health),
      Endpoint(paths: ["/ping"], operations: [(.get, .ping), (.post, .postPing)], handler: health.respond),
      get(["/cache"], cache.tell, .cache),
      get(["/cache/digest"], CacheDigest(service: service).respond, .cacheDigest),
      post(["/cache/reset", "/reset_prefix_cache"], cache.reset, .resetCache),
      get(["/v1/sessions", "/sessions"], sessions.list, .sessions),
      post(["/v1/sessions/{id}/save", "/sessions/{id}/save"], sessions.save, .saveSession),
      post(["/v1/sessions/{id}/restore", "/sessions/{id}/restore"], sessions.restore, .restoreSession),
      Endpoint(
        paths: ["/v1/sessions/{id}", "/sessions/{id}"], operations: [(.delete, .deleteSession)],
        handler: sessions.delete),
      get(["/slots"], properties.slots, .slots),
      post(["/slots/{id}"], Slots(sessions: sessions).act, .actOnSlot),
      get(["/usage", "/v1/usage"], UsageEndpoint(service: service, prices: service.prices).respond, .tellUsage)
        .with(page: Page.usage),
      get(["/metrics"], MetricsPage(service: service).respond, .metrics),
      get(["/stats"], LiveStatistics(service: service).respond, .stats),
    ]
    // Not to be told of: they tell that there is no such thing here.
    let refused = [
      post(["/api/pull", "/api/push", "/api/create", "/api/copy"], ollamaModels.refuse, .refused),
      Endpoint(paths: ["/api/delete"], operations: [(.delete, .refused)], handler: ollamaModels.refuse),
      Endpoint(
        paths: ["/api/blobs/{digest}"], operations: [(.get, .refused), (.post, .refused)], handler: ollamaModels.refuse),
    ]
    let greeting = greeting(state, of: endpoints)
    let descriptive: [Endpoint] = [
      get(["/version", "/v1/version"], greeting.version, .version),
      get(["/"], greeting.respond, .greeting).with(page: Page.chat),
      get(["/dashboard"], Page.dashboard, .dashboard), get(["/page/**"], Page.part, .refused.needing(.none)),
    ]
    return endpoints + descriptive
      + Documentation(
        (endpoints + descriptive).map(\.route), needsKeys: service.keys != nil, under: service.rootPath
      ).endpoints + refused
  }

  /// The greeting, which tells of the others.
  private static func greeting(_ state: ServerState, of others: [Endpoint]) -> Greeting {
    let told = others.map { "\($0.route.methods[0].rawValue) \($0.route.paths[0])" }
    let descriptive = ["/version", "/openapi.json", "/docs", "/dashboard"].map { "GET \($0)" }
    return Greeting(state: state, endpoints: told + descriptive)
  }

  private static func get(
    _ paths: [String], _ handler: @escaping Endpoint.Handler, _ operation: Operation
  ) -> Endpoint {
    Endpoint(paths: paths, operations: [(.get, operation)], handler: handler)
  }

  private static func post(
    _ paths: [String], _ handler: @escaping Endpoint.Handler, _ operation: Operation
  ) -> Endpoint {
    Endpoint(paths: paths, operations: [(.post, operation)], handler: handler)
  }

  /// An endpoint's paths with its methods, and an answer that names them to all others.
  private static func add(
    _ endpoint: Endpoint, behind access: AccessControl, to router: Router<ServeContext>
  ) {
    for path in endpoint.route.paths {
      // A page names its files as seen from its own path.
      let page = path == endpoint.route.paths[0] ? endpoint.page : nil
      for method in MethodResponder.methods {
        // The middleware takes the body off the answer to HEAD.
        let operation = endpoint.route.operation(of: method)
        router.on(RouterPath(path), method: method) { request, context in
          guard let operation else {
            throw APIError.methodNotAllowed(request.method.rawValue, request.uri.path, allow: endpoint.route.allow)
          }
          guard let page else {
            return try await access.respond(request, context, needing: operation.need, endpoint.handler)
          }
          var response =
            Page.isPreferred(request)
            ? try await page(request, context)
            : try await access.respond(request, context, needing: operation.need, endpoint.handler)
          response.headers[.vary] = "Accept"
          return response
        }
      }
    }
  }
}
