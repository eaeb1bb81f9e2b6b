import HTTPTypes
import Hummingbird
import InferCore
import InferText
import Tracing

/// The spans of one request: its own, and those of what was done for it.
final class RequestTrace: Sendable {
  private struct State {
    var submitted: ContinuousClock.Instant?
    var answered: ContinuousClock.Instant?
  }

  private let tracer: RequestTracer
  private let span: TraceSpan
  private let clock = TraceClock()
  private let state = Monitor(State())

  /// Characters of a text from the client at most.
  private static let textLimit = 1024

  /// The trace of a request that has just come; `nil` for one that only looks at the server and is no part of a trace.
  init?(_ tracer: RequestTracer, _ request: Request, client: String, scheme: String) {
    var context = ServiceContext.topLevel
    tracer.extract(request.headers, into: &context, using: FieldExtractor())
    guard context.span != nil || !request.method.onlyLooks else { return nil }
    self.tracer = tracer
    let now = ContinuousClock.now
    span = tracer.startSpan(
      request.method.rawValue, context: context, ofKind: .server, at: clock.time(of: now), function: #function,
      file: #fileID, line: #line)
    guard span.isRecording else { return }
    span.updateAttributes { attributes in
      attributes["http.request.method"] = request.method.rawValue
      attributes["url.path"] = String(request.uri.path.prefix(Self.textLimit))
      attributes["url.scheme"] = scheme
      attributes["client.address"] = client
      if let agent = request.headers[.userAgent] {
        attributes["user_agent.original"] = String(agent.prefix(Self.textLimit))
      }
    }
  }

  /// The place of the request's span.
  var identity: SpanIdentity { span.identity }

  /// Notes the model that the request names, and the one that answers.
  func note(requested: String?, served: String) {
    guard span.isRecording else { return }
    span.updateAttributes { attributes in
      attributes["gen_ai.request.model"] = requested.map { String($0.prefix(Self.textLimit)) } ?? served
      attributes["gen_ai.response.model"] = served
    }
  }

  /// Notes that the engine is about to get the request.
  func submit() { state.withLock { $0.submitted = .now } }

  /// Adds the span of a part of the work.
  func add(
    _ name: String, from start: ContinuousClock.Instant, to end: ContinuousClock.Instant,
    _ attributes: SpanAttributes = [:]
  ) {
    guard span.isRecording else { return }
    let part = tracer.startSpan(
      name, context: span.context, ofKind: .internal, at: clock.time(of: start), function: #function, file: #fileID,
      line: #line)
    part.attributes = attributes
    part.end(at: clock.time(of: end))
  }

  /// Notes the end of the response.
  ///
  /// - Parameters:
  ///   - route: The pattern of the path.
  ///   - refusal: Why the request was refused, if it was.
  func respond(_ method: HTTPRequest.Method, route: String, status: Int, refusal: APIError?) {
    state.withLock { $0.answered = .now }
    guard span.isRecording else { return }
    span.operationName = "\(method.rawValue) \(route)"
    span.updateAttributes { attributes in
      attributes["http.route"] = route
      attributes["http.response.status_code"] = status
    }
    if let refusal { note(refusal) }
  }

  /// Ends the trace when the answer is over.
  func finish(_ generation: RequestRecord.Generation?, route: String) {
    let (submitted, answered) = state.withLock { ($0.submitted, $0.answered) }
    if span.isRecording, let generation {
      note(generation, route: route)
      if let submitted { addParts(of: generation, from: submitted) }
    }
    span.end(at: clock.time(of: answered ?? .now))
  }

  private func note(_ error: APIError) {
    span.attributes["error.type"] = error.code ?? "\(error.status)"
    // The client's faults are none of the server's.
    if error.status >= 500 { span.setStatus(SpanStatus(code: .error, message: error.message)) }
  }

  private func note(_ generation: RequestRecord.Generation, route: String) {
    span.updateAttributes { attributes in
      attributes["gen_ai.operation.name"] = Self.operation(route)
      attributes["gen_ai.usage.input_tokens"] = generation.promptTokens
      attributes["gen_ai.usage.output_tokens"] = generation.generatedTokens
      attributes["gen_ai.usage.cache_read.input_tokens"] = generation.cachedTokens
      let reasons = generation.transcripts.compactMap(\.finishReason)
      if !reasons.isEmpty { attributes.set("gen_ai.response.finish_reasons", value: .stringArray(reasons)) }
    }
    if let failure = generation.failure { note(failure) }
  }

  /// The kind of work, as OpenTelemetry's conventions name it.
  private static func operation(_ route: String) -> String {
    if route.contains("embed") || route.contains("rerank") || route.contains("score") { return "embeddings" }
    return route.contains("chat") || route.contains("messages") || route.contains("responses")
      ? "chat" : "text_completion"
  }

  /// The spans of each choice: until it was begun, its prompt, its tokens, and the calls within them.
  private func addParts(of generation: RequestRecord.Generation, from start: ContinuousClock.Instant) {
    for (index, statistics) in generation.statistics.enumerated() {
      var common: SpanAttributes = [:]
      if generation.statistics.count > 1 { common["infer.choice"] = index }
      let begun = start + statistics.queueTime
      guard statistics.prefillTime > .zero || statistics.queueTime > .zero else {
        add("queue", from: start, to: start + statistics.totalTime, common)
        continue
      }
      add("queue", from: start, to: begun, common)
      var prompt = common
      prompt["infer.prompt_tokens"] = statistics.promptTokens
      prompt["infer.cached_tokens"] = statistics.cachedTokens
      if statistics.preemptions > 0 { prompt["infer.preemptions"] = statistics.preemptions }
      let read = begun + statistics.prefillTime
      add("prefill", from: begun, to: read, prompt)
      guard statistics.generatedTokens > 0 else { continue }
      var answer = common
      answer["infer.generated_tokens"] = statistics.generatedTokens
      add("decode", from: read, to: read + statistics.decodeTime, answer)
    }
    for (index, transcript) in generation.transcripts.enumerated() {
      for (call, time) in zip(transcript.toolCalls, transcript.callTimes) {
        var attributes: SpanAttributes = [
          "gen_ai.tool.name": .string(call.name), "gen_ai.tool.call.id": .string(call.id),
        ]
        if generation.transcripts.count > 1 { attributes["infer.choice"] = index }
        add("tool_call \(call.name)", from: time.start, to: time.end ?? time.start, attributes)
      }
    }
  }
}

/// Finds the fields of a trace among those of a request.
private struct FieldExtractor: Extractor {
  func extract(key: String, from fields: HTTPFields) -> String? {
    guard let name = HTTPField.Name(key) else { return nil }
    let values = fields[values: name]
    // Of several parents none is the request's.
    if key == RequestTracer.parentField { return values.count == 1 ? values[0] : nil }
    return values.isEmpty ? nil : values.joined(separator: ",")
  }
}

extension HTTPRequest.Method {
  /// Whether a request of this method asks for no work: those are neither logged whole nor begin traces.
  var onlyLooks: Bool { [.get, .head, .options].contains(self) }
}
