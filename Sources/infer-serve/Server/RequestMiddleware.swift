import Foundation
import HTTPTypes
import Hummingbird
import InferCore
import InferMetrics
import Logging
import NIOCore

/// The frame around every endpoint: gives the request its id, turns errors into error objects, and counts and logs the
/// request when its response has been written.
struct RequestMiddleware: RouterMiddleware {
  typealias Context = ServeContext

  let metrics: ServerMetrics
  let responses: OpenResponses
  let origins: OriginRule
  let proxies: TrustedProxies
  /// Whether clients that come over the network speak TLS.
  var isEncrypted = false
  /// The maker of requests' spans; `nil` for none.
  var tracer: RequestTracer?
  /// The log of whole requests and answers; `nil` for none.
  var requestLog: RequestLog?
  let logger: Logger

  @concurrent func handle(
    _ request: Request, context: ServeContext, next: @concurrent (Request, ServeContext) async throws -> Response
  ) async throws -> Response {
    let start = ContinuousClock.now
    let request = context.unknownMethod.map { request.with($0) } ?? request
    let form = ErrorForm(target: request.uri.path)
    let ticket = responses.open()
    defer { withExtendedLifetime(ticket) {} }
    context.record.id = Self.requestID(request)
    context.record.isLogged = requestLog != nil && !request.method.onlyLooks
    let client = client(of: request, context)
    context.record.trace = tracer.flatMap {
      let scheme = isEncrypted && !context.peer.isSocket ? "https" : "http"
      return RequestTrace($0, request, client: client.address, scheme: client.scheme ?? scheme)
    }
    var response: Response
    var refusal: APIError?
    do {
      response = if let answer = try origins.answer(request) { answer } else { try await next(request, context) }
    } catch {
      let told = self.refusal(error, request, context)
      refusal = told
      response = told.response(in: form, requestID: context.record.id)
    }
    // Clients do not expect a body after HEAD, and would take it for the next response of the connection.
    if request.method == .head { response = response.createHeadResponse() }
    response.headers[.requestID] = context.record.id
    response.headers[.traceResponse] = context.record.trace?.identity.parentField
    response.headers[.modelRoute] = context.record.route
    response.headers.append(contentsOf: context.record.limits)
    origins.admit(request, to: &response.headers)
    if form == .anthropic { response.headers[.anthropicRequestID] = context.record.id }
    let status = response.status.code
    if response.body.contentLength != nil {
      finish(request, context, client, status: status, refusal, start: start)
      return response
    }
    let body = response.body
    response.body = ResponseBody { [refusal] writer in
      defer {
        finish(request, context, client, status: status, refusal, start: start)
        // Counted until here.
        withExtendedLifetime(ticket) {}
      }
      try await body.write(writer)
    }
    return response
  }

  /// The client's own id if it sent a decent one, else a new one.
  static func requestID(_ request: Request) -> String {
    if let given = request.headers[.requestID], (1...128).contains(given.utf8.count),
      given.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
    {
      return given
    }
    return Identifier.make("req")
  }

  private func refusal(_ error: any Error, _ request: Request, _ context: ServeContext) -> APIError {
    switch error {
    case let error as APIError: return error
    case let error as any HTTPResponseError where error.status == .notFound:
      if let method = context.unknownMethod { return .unknownMethod(method.rawValue) }
      return .unknownRoute(request.method.rawValue, request.uri.path)
    default:
      logger.error("request failed", metadata: ["id": "\(context.record.id)", "error": "\(error)"])
      return .failed("The server failed to answer the request.")
    }
  }

  /// The address and the scheme of the one who asks; the latter is `nil` unless a proxy has told it.
  private func client(of request: Request, _ context: ServeContext) -> (address: String, scheme: String?) {
    let client = proxies.client(of: context.peer) { name in
      HTTPField.Name(name).map { request.headers[values: $0] } ?? []
    }
    return ((client?.origin ?? context.peer).address, client?.scheme)
  }

  private func finish(
    _ request: Request, _ context: ServeContext, _ client: (address: String, scheme: String?), status: Int,
    _ refusal: APIError?, start: ContinuousClock.Instant
  ) {
    context.record.end()
    // The pattern and never the path: a client must not be able to make up new series.
    let route = context.endpointPath.flatMap { $0 == "NotFound" ? nil : $0 } ?? "unknown"
    metrics.httpRequests(route, String(status)).increment()
    var metadata: Logger.Metadata = [
      "id": "\(context.record.id)", "method": "\(request.method.rawValue)", "route": "\(route)", "status": "\(status)",
      "ms": "\(Int(start.age / .milliseconds(1)))",
    ]
    if let key = context.record.key { metrics.keyRequests(key).increment() }
    metadata["client"] = "\(client.address)"
    metadata["scheme"] = client.scheme.map { "\($0)" }
    metadata["key"] = context.record.key.map { "\($0)" }
    metadata["model"] = context.record.model.map { "\($0)" }
    metadata["model_route"] = context.record.route.map { "\($0)" }
    if let generation = context.record.generation {
      metadata["prompt_tokens"] = "\(generation.promptTokens)"
      metadata["cached_tokens"] = "\(generation.cachedTokens)"
      metadata["generated_tokens"] = "\(generation.generatedTokens)"
      metadata["running_ms"] = "\(Int(generation.runningTime / .milliseconds(1)))"
      for (name, time) in generation.times { metadata[name] = "\(Int(time / .milliseconds(1)))" }
      metadata["finish_reason"] = generation.finishReason.map { "\($0)" }
      metadata["error"] = generation.failure?.code.map { "\($0)" }
    }
    metadata["trace_id"] = context.record.trace.map { "\($0.identity.traceText)" }
    metadata["span_id"] = context.record.trace.map { "\($0.identity.spanText)" }
    // A model that computes no numbers is nothing that its client can do anything about.
    let isUnsound = context.record.generation?.finishReason == FinishReason.notFinite.rawValue
    logger.log(level: isUnsound ? .error : .info, "request", metadata: metadata)
    let (record, endpoint) = (context.record, "\(request.method.rawValue) \(route)")
    let (trace, log) = (record.trace, record.isLogged ? requestLog : nil)
    guard trace != nil || log != nil else { return }
    let (time, address) = (Date(timeIntervalSinceNow: -start.age.seconds), client.address)
    trace?.respond(request.method, route: route, status: status, refusal: refusal)
    record.whenOver { generation in
      trace?.finish(generation, route: route)
      guard let log else { return }
      let entry = RequestLogEntry(
        time: time, id: record.id, endpoint: endpoint, status: status, client: address, key: record.key,
        model: record.model, route: record.route, body: record.body, generation: generation, refusal: refusal,
        elapsed: start.age, secret: record.secret)
      record.body = nil
      log.write(bytes: entry.size) { entry.line }
    }
  }
}

extension ContinuousClock.Instant {
  /// The time since this moment.
  fileprivate var age: Duration { ContinuousClock.now - self }
}
