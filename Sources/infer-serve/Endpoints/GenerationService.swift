import HTTPTypes
import Hummingbird
import InferCore
import InferMetrics
import InferText
import Logging
import NIOCore

/// The work of all endpoints that generate: reading the body, having the engine generate, and writing what comes.
struct GenerationService: Sendable {
  /// Bounds of a request.
  struct Limits: Sendable {
    /// Bytes of a body at most.
    var bodyBytes: Int
    /// From a request's head to the end of its response at most.
    var requestTime: Duration
    /// After how long a stream that has nothing to tell gets a sign of life; zero for never.
    var keepAlive = Duration.seconds(5)
  }

  let state: ServerState
  let metrics: ServerMetrics
  let limits: Limits
  let bodies: BodyBudget
  let workers: RequestWorkers
  /// The folder that sessions are saved in; `nil` for none.
  var sessionFolder: SessionFolder?
  /// The keys in force; `nil` where anybody may do anything.
  var keys: KeyRing?
  /// Whether clients that come over the network speak TLS.
  var isEncrypted = false
  /// The path under which a proxy has the server.
  var rootPath = RootPath.none
  /// The responses that can be asked for later.
  let responses: ResponseStore
  /// The tokens that keys and models have used; `nil` where nobody counts them.
  var ledger: UsageLedger?
  var prices = PriceTable()
  /// The maker of requests' spans; `nil` for none.
  var tracer: RequestTracer?
  /// The log of whole requests and answers; `nil` for none.
  var requestLog: RequestLog?
  let logger: Logger

  /// An endpoint's part: decodes the body and says what to generate and how to write it.
  typealias Decoder<Builder: ResponseBuilder> =
    @Sendable (FieldReader, ServedModel) throws(APIError) -> GenerationJob<Builder>

  /// Answers a request.
  ///
  /// - Parameter waits: `true` when decoding a small body may take long as well.
  func respond<Builder: ResponseBuilder>(
    _ request: Request, _ context: ServeContext, waits: Bool = false, decode: @escaping Decoder<Builder>
  ) async throws -> Response {
    let start = Deadline(from: .now, limit: limits.requestTime)
    let allowed = start.tightened(to: try SchedulingFields.timeLimit(of: request.headers))
    let body = try await body(of: request, context, until: allowed)
    let (reader, served) = try await counted(body, context)
    let job = try await workers.run(bytes: waits ? .max : body.effort) { () throws(APIError) in
      try counted(in: served) { () throws(APIError) in
        var job = try decode(reader, served)
        try job.checkLogprobs(contextLength: served.engine.limits.contextLength)
        if served.engine.keepsPrefixes { job.mark(by: PrefixChain(reader)) }
        return job
      }
    }
    let deadline = allowed.tightened(to: job.timeLimit)
    guard ContinuousClock.now < deadline.instant else { throw APIError.timedOut(after: deadline.limit) }
    guard !job.requests.isEmpty else { return .json(job.builder.completion) }
    context.record.trace?.submit()
    let answer = try Self.submit(job, context, served)
    var response: Response
    if let detach = job.detach {
      response = await detach(answer, job.builder, context, deadline)
    } else if let streaming = job.streaming {
      let form = ErrorForm(target: request.uri.path)
      response = stream(answer, job, streaming, form, context, until: deadline)
    } else {
      response = try await collect(answer, job, context, until: deadline)
    }
    if let shift = job.contextShift {
      metrics.contextShifts().increment()
      response.headers[.contextShift] = shift.header
    }
    return response
  }

  /// Answers a request with what becomes of the hidden states of prompts.
  func embed(
    _ request: Request, _ context: ServeContext,
    decode: @escaping @Sendable (FieldReader, ServedModel) throws(APIError) -> EmbeddingJob
  ) async throws -> Response {
    let start = Deadline(from: .now, limit: limits.requestTime)
    let allowed = start.tightened(to: try SchedulingFields.timeLimit(of: request.headers))
    let body = try await body(of: request, context, until: allowed)
    let (reader, served) = try await counted(body, context)
    var job = try await workers.run(bytes: body.effort) { () throws(APIError) in
      try counted(in: served) { () throws(APIError) in try decode(reader, served) }
    }
    job.requests = job.requests.map(context.grant.restrict)
    context.record.trace?.submit()
    let embeddings = try await job.run(
      served.engine, channel: context.channel, until: allowed.tightened(to: job.timeLimit))
    let statistics = embeddings.map(\.statistics)
    context.record.generation = RequestRecord.Generation(
      promptTokens: statistics.reduce(0) { $0 + $1.promptTokens },
      cachedTokens: statistics.reduce(0) { $0 + $1.cachedTokens },
      runningTime: statistics.reduce(.zero) { $0 + $1.prefillTime }, finishReason: FinishReason.length.rawValue,
      statistics: statistics)
    return .json(job.response(embeddings))
  }

  /// Answers a request that needs no engine from what its body says.
  ///
  /// - Parameters:
  ///   - waits: `true` when a small body may take long as well.
  ///   - fields: The members that may name the model; the first that is there does.
  func read(
    _ request: Request, _ context: ServeContext, waits: Bool = false, naming fields: [String] = ["model"],
    answer: @escaping @Sendable (FieldReader, ServedModel) throws(APIError) -> JSONValue
  ) async throws -> Response {
    let body = try await body(of: request, context, until: Deadline(from: .now, limit: limits.requestTime))
    let (reader, served) = try await self.fields(of: body, context, naming: fields)
    return .json(
      try await workers.run(bytes: waits ? .max : body.effort) { () throws(APIError) in try answer(reader, served) })
  }

  /// The members of a body that may be absent, and the model, which the query may name as well.
  func fields(of request: Request, _ context: ServeContext) async throws -> (FieldReader, ServedModel) {
    let body = try await body(of: request, context, until: Deadline(from: .now, limit: limits.requestTime))
    guard body.bytes.isEmpty else { return try await fields(of: body, context) }
    return (try FieldReader(.object([:])), try await state.model(named: request.modelName, for: context.grant))
  }

  /// The members of a body and its model. A refusal that no engine will see counts as one of the first model's.
  private func counted(_ body: Body, _ context: ServeContext) async throws(APIError) -> (FieldReader, ServedModel) {
    do { return try await fields(of: body, context) } catch {
      if error.status == 400 || error.status == 404 { state.models.models[0].metrics.countRefusal(error) }
      throw error
    }
  }

  /// Counts a refusal that the engine will never see.
  private func counted<Result>(
    in served: ServedModel, _ decode: () throws(APIError) -> Result
  ) throws(APIError) -> Result {
    do { return try decode() } catch {
      served.engine.metrics.countRefusal(error)
      throw error
    }
  }

  private static func submit<Builder: ResponseBuilder>(
    _ job: GenerationJob<Builder>, _ context: ServeContext, _ served: ServedModel
  ) throws(APIError) -> Answer {
    do {
      let generations = try served.engine.submit(job.requests.map(context.grant.restrict))
      return Answer(
        zip(generations, job.requests).map { generation, request in
          TextGeneration(
            generation, stop: request.stop, tokenizer: served.tokenizer,
            skippingSpecialTokens: job.skipsSpecialTokens, keeping: job.visibleTokens)
        }, constraintField: job.constraintField, tally: context.record.tally)
    } catch {
      throw APIError(error, promptField: job.promptField, maxTokens: job.requests.first?.stop.maxTokens)
    }
  }
}

extension EngineMetrics {
  /// Counts a request that was refused before the engine saw it.
  fileprivate func countRefusal(_ error: APIError) {
    admissionRejections(error.code == APIError.contextExceeded ? "prompt_too_long" : "invalid").increment()
  }
}

extension Request {
  /// The model that the query names.
  var modelName: String? { uri.queryParameters["model"].map(String.init) }
}
