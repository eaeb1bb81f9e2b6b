import HTTPTypes
import Hummingbird
import InferCore
import InferMetrics
import InferText

// Answers: what comes from the engine, in one response or as a stream.
extension GenerationService {
  /// Takes all of an answer, and tells it in one response.
  func collect<Builder: ResponseBuilder>(
    _ answer: Answer, _ job: GenerationJob<Builder>, _ context: ServeContext, until deadline: Deadline
  ) async throws -> Response {
    let supervisor = await AnswerSupervisor(answer, channel: context.channel, until: deadline)
    defer { supervisor.stop() }
    var builder = job.builder
    let failure = await gather(answer, &builder, supervisor)
    context.record.generation = await RequestRecord.Generation(
      answer, builder, error: failure, transcribed: context.record.isTranscribed)
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
    for await (choice, event, _) in answer {
      let (events, failure) = take(event, of: choice, answer, &builder, supervisor)
      told?(event, events)
      // Leaving the loop ends the other choices.
      if let failure { return failure }
    }
    return nil
  }

  /// Tells an answer as it comes.
  func stream<Builder: ResponseBuilder>(
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
        let thread = job.tellsPromptScores ? nil : EventLoopTaskExecutor(context.channel.eventLoop)
        failure = try await withTaskExecutorPreference(thread) {
          try await write(answer, job, &builder, supervisor, to: &writer, keepAlive)
        }
        await keepAlive.stop()
        context.record.generation = await RequestRecord.Generation(
          answer, builder, error: failure, transcribed: context.record.isTranscribed)
      } catch {
        // Nobody reads what is written.
        failure = supervisor.cause == .timedOut ? .timedOut(after: supervisor.limit) : .clientGone
        context.record.generation = await RequestRecord.Generation(
          answer, builder, error: failure, transcribed: context.record.isTranscribed)
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

  /// Writes an answer's events as they come, and returns what to tell the client if it ended before it was complete. Runs on
  /// the connection's thread, unless there is so much to tell at once that others would wait.
  @concurrent private func write<Builder: ResponseBuilder>(
    _ answer: Answer, _ job: GenerationJob<Builder>, _ builder: inout Builder, _ supervisor: AnswerSupervisor,
    to writer: inout any ResponseBodyWriter, _ keepAlive: KeepAlive
  ) async throws -> APIError? {
    for await (choice, event, time) in answer {
      let (events, failure) = take(event, of: choice, answer, &builder, supervisor)
      // Leaving the loop ends the other choices.
      if let failure { return failure }
      if let keep = job.keep, case .finished = event {
        // Other connections of this thread do not wait for it.
        await withTaskExecutorPreference(globalConcurrentExecutor) { await keep(builder) }
      }
      guard !events.isEmpty else { continue }
      let bytes = Builder.framing.bytes(events)
      // As `keepAlive` does, without the switches of the task between its function and this one.
      keepAlive.beginWrite()
      defer { keepAlive.endWrite() }
      try await writer.write(bytes)
      metrics.eventDelivery.observe(.now - time)
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
      answer.tally?.add(piece.tokens.count)
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
