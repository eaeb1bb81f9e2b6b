import HTTPTypes
import Hummingbird
import InferCore
import InferMetrics
import InferText
import Logging
import NIOCore

/// The work of both completion endpoints: reading the body, having the engine generate, and writing what comes.
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
  /// The responses that can be asked for later.
  let responses: ResponseStore
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
    let (body, served) = try await body(of: request, context, until: allowed)
    let job = try await workers.run(bytes: waits ? .max : body.effort) { () throws(APIError) in
      try decodeCounted(body, served, decode)
    }
    let deadline = allowed.tightened(to: job.timeLimit)
    guard ContinuousClock.now < deadline.instant else { throw APIError.timedOut(after: deadline.limit) }
    guard !job.requests.isEmpty else { return .json(job.builder.completion) }
    let answer = try Self.submit(job, served)
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
    let (body, served) = try await body(of: request, context, until: allowed)
    let job = try await workers.run(bytes: body.effort) { () throws(APIError) in
      try counted { () throws(APIError) in try decode(try reader(of: body), served) }
    }
    let embeddings = try await job.run(
      served.engine, channel: context.channel, until: allowed.tightened(to: job.timeLimit))
    let tokens = embeddings.reduce(0) { $0 + $1.statistics.promptTokens }
    context.record.generation = RequestRecord.Generation(
      promptTokens: tokens, finishReason: FinishReason.length.rawValue)
    return .json(job.response(embeddings))
  }

  /// Answers a request that needs no engine from what its body says.
  ///
  /// - Parameter waits: `true` when a small body may take long as well.
  func read(
    _ request: Request, _ context: ServeContext, waits: Bool = false,
    answer: @escaping @Sendable (FieldReader, ServedModel) throws(APIError) -> JSONValue
  ) async throws -> Response {
    let (body, served) = try await body(of: request, context, until: Deadline(from: .now, limit: limits.requestTime))
    let value = try await workers.run(bytes: waits ? .max : body.effort) { () throws(APIError) in
      try answer(try reader(of: body), served)
    }
    return .json(value)
  }

  /// The members of a body that may be absent, and the model.
  func fields(of request: Request, _ context: ServeContext) async throws -> (FieldReader, ServedModel) {
    let (body, served) = try await body(of: request, context, until: Deadline(from: .now, limit: limits.requestTime))
    return (try body.bytes.isEmpty ? FieldReader(.object([:])) : reader(of: body), served)
  }

  /// A body as it came, which is held until it is decoded.
  private struct Body: Sendable {
    let bytes: [UInt8]
    let coding: ContentCoding
    let share: BodyBudget.Share
    /// Bytes that it may become.
    let limit: Int

    /// Bytes that decoding it may have to deal with.
    var effort: Int { coding == .identity ? bytes.count : limit }

    /// The body itself.
    func decoded() throws(APIError) -> [UInt8] {
      guard coding != .identity else { return bytes }
      let decoded = try coding.decode(bytes, limit: limit)
      try share.grow(by: decoded.count)
      return decoded
    }
  }

  /// A request's body, and the model that it is for.
  private func body(
    of request: Request, _ context: ServeContext, until deadline: Deadline
  ) async throws -> (body: Body, served: ServedModel) {
    try MediaType.check(request.headers)
    let coding = try ContentCoding(request.headers)
    // Before the body is read, so that a server without a model answers at once.
    let served = try state.model()
    let (bytes, share) = try await bytes(of: request, context, until: deadline)
    return (Body(bytes: bytes, coding: coding, share: share, limit: limits.bodyBytes), served)
  }

  /// Decodes, and counts a refusal that the engine will never see.
  private func decodeCounted<Builder: ResponseBuilder>(
    _ body: Body, _ served: ServedModel, _ decode: Decoder<Builder>
  ) throws(APIError) -> GenerationJob<Builder> {
    try counted { () throws(APIError) in
      let reader = try reader(of: body)
      let job = try decode(reader, served)
      try job.checkLogprobs(contextLength: served.engine.limits.contextLength)
      return job
    }
  }

  /// Counts a refusal that the engine will never see.
  private func counted<Result>(_ decode: () throws(APIError) -> Result) throws(APIError) -> Result {
    do { return try decode() } catch {
      metrics.engine.admissionRejections(error.code == APIError.contextExceeded ? "prompt_too_long" : "invalid")
        .increment()
      throw error
    }
  }

  private func reader(of body: Body) throws(APIError) -> FieldReader {
    let reader = try FieldReader(body: body.decoded())
    if let name = try reader.string("model") { try state.check(modelName: name) }
    try RequestBounds.check(reader)
    return reader
  }

  private static func submit<Builder: ResponseBuilder>(
    _ job: GenerationJob<Builder>, _ served: ServedModel
  ) throws(APIError) -> Answer {
    do {
      let generations = try served.engine.submit(job.requests)
      return Answer(
        zip(generations, job.requests).map { generation, request in
          TextGeneration(
            generation, stop: request.stop, tokenizer: served.tokenizer,
            skippingSpecialTokens: job.skipsSpecialTokens, keeping: job.visibleTokens)
        }, constraintField: job.constraintField)
    } catch {
      throw APIError(error, promptField: job.promptField, maxTokens: job.requests.first?.stop.maxTokens)
    }
  }

  private func bytes(
    of request: Request, _ context: ServeContext, until deadline: Deadline
  ) async throws -> (bytes: [UInt8], share: BodyBudget.Share) {
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limits.bodyBytes {
      throw APIError.bodyTooLarge(limit: limits.bodyBytes)
    }
    if let expectation = request.headers[.expect], expectation.lowercased() == "100-continue" {
      context.channel.triggerUserOutboundEvent(ConnectionHandler.Proceed(), promise: nil)
    }
    // A client that sends its body a byte at a time is cut off.
    let timer = Task {
      try await Task.sleep(until: deadline.instant)
      context.channel.triggerUserOutboundEvent(
        ConnectionHandler.Refusal(error: .requestIncomplete(after: deadline.limit)), promise: nil)
    }
    defer { timer.cancel() }
    do {
      let share = bodies.open()
      var bytes: [UInt8] = []
      for try await part in request.body {
        try share.grow(by: part.readableBytes)
        guard bytes.count + part.readableBytes <= limits.bodyBytes else {
          throw APIError.bodyTooLarge(limit: limits.bodyBytes)
        }
        bytes.append(contentsOf: part.readableBytesView)
      }
      return (bytes, share)
    } catch let error as APIError {
      throw error
    } catch {
      if ContinuousClock.now >= deadline.instant { throw APIError.requestIncomplete(after: deadline.limit) }
      // The client went, or what it sent is no HTTP.
      guard context.channel.isActive else { throw APIError.clientGone }
      throw APIError.invalid(nil, "The request body could not be read: \(error)", code: "invalid_body")
    }
  }

  private func collect<Builder: ResponseBuilder>(
    _ answer: Answer, _ job: GenerationJob<Builder>, _ context: ServeContext, until deadline: Deadline
  ) async throws -> Response {
    let supervisor = await AnswerSupervisor(answer, channel: context.channel, until: deadline)
    defer { supervisor.stop() }
    var builder = job.builder
    let failure = await gather(answer, &builder, supervisor)
    context.record.generation = await RequestRecord.Generation(answer, builder, error: failure)
    if let failure { throw failure }
    await job.keep?(builder)
    return .json(builder.completion)
  }

  /// Takes all of an answer, and returns what to tell the client instead if it ended before it was complete.
  ///
  /// - Parameter told: Called with whatever comes, and the events that tell of it.
  func gather<Builder: ResponseBuilder>(
    _ answer: Answer, _ builder: inout Builder, _ supervisor: AnswerSupervisor,
    told: ((TextEvent, [JSONValue]) -> Void)? = nil
  ) async -> APIError? {
    for await (choice, event) in answer {
      let (events, failure) = take(event, of: choice, answer, &builder, supervisor)
      told?(event, events)
      // Leaving the loop ends the other choices.
      if let failure { return failure }
    }
    return nil
  }

  private func stream<Builder: ResponseBuilder>(
    _ answer: Answer, _ job: GenerationJob<Builder>, _ options: StreamingOptions, _ form: ErrorForm,
    _ context: ServeContext, until deadline: Deadline
  ) -> Response {
    let body = ResponseBody { writer in
      let supervisor = await AnswerSupervisor(answer, channel: context.channel, until: deadline)
      defer { supervisor.stop() }
      let keepAlive = KeepAlive(writer, Builder.framing.keepAlive, every: limits.keepAlive)
      var builder = job.builder
      var failure: APIError?
      do {
        failure = try await write(answer, job, &builder, supervisor, to: &writer, keepAlive)
        await keepAlive.stop()
        context.record.generation = await RequestRecord.Generation(answer, builder, error: failure)
      } catch {
        // Nobody reads what is written.
        failure = supervisor.cause == .timedOut ? .timedOut(after: supervisor.limit) : .clientGone
        context.record.generation = await RequestRecord.Generation(answer, builder, error: failure)
        throw error
      }
      let last: [JSONValue]
      if let failure {
        last = builder.fail(failure) ?? [failure.json(in: form, requestID: context.record.id)]
        await job.keep?(builder)
      } else {
        last = options.includesUsage ? builder.usageEvent.map { [$0] } ?? [] : []
      }
      if !last.isEmpty { try await writer.write(Builder.framing.bytes(last)) }
      if let end = Builder.framing.end { try await writer.write(end) }
      try await writer.finish(nil)
    }
    return Response(status: .ok, headers: Self.headers(of: Builder.framing), body: body)
  }

  /// The headers of a stream.
  static func headers(of framing: StreamFraming) -> HTTPFields {
    [.contentType: framing.contentType, .cacheControl: "no-cache", .accelBuffering: "no"]
  }

  /// Writes an answer's events as they come, and returns what to tell the client if it ended before it was complete.
  @concurrent private func write<Builder: ResponseBuilder>(
    _ answer: Answer, _ job: GenerationJob<Builder>, _ builder: inout Builder, _ supervisor: AnswerSupervisor,
    to writer: inout any ResponseBodyWriter, _ keepAlive: KeepAlive
  ) async throws -> APIError? {
    for await (choice, event) in answer {
      let (events, failure) = take(event, of: choice, answer, &builder, supervisor)
      // Leaving the loop ends the other choices.
      if let failure { return failure }
      if let keep = job.keep, case .finished = event { await keep(builder) }
      if !events.isEmpty { try await keepAlive.write(Builder.framing.bytes(events), to: &writer) }
    }
    return nil
  }

  /// Takes an event of a choice. Returns the events that tell of it, and what to tell the client instead if the choice
  /// ended before it was complete.
  private func take<Builder: ResponseBuilder>(
    _ event: TextEvent, of choice: Int, _ answer: Answer, _ builder: inout Builder, _ supervisor: AnswerSupervisor
  ) -> (events: [JSONValue], failure: APIError?) {
    switch event {
    case .pooled: return ([], nil)
    case .promptScores(let scores):
      builder.append(scores, to: choice)
      return ([], nil)
    case .piece(let piece):
      let events = builder.append(piece, to: choice)
      if builder.isComplete(choice) { answer.finish(choice) }
      return (events, nil)
    case .finished(let reason, let statistics):
      let failure = APIError.end(
        reason, supervisor.cause, limit: supervisor.limit, constraintField: answer.constraintField)
      return (builder.finish(choice, reason, statistics), failure)
    }
  }
}
