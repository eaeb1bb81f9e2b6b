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
      let (events, failure) = answer.take(event, of: choice, into: &builder, supervisor)
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
      let pump = EventPump(
        answer, job, supervisor, keepAlive, delivery: metrics.eventDelivery, channel: context.channel)
      var failure: APIError?
      do {
        failure = try await withTaskCancellationHandler {
          try await write(pump, job, to: &writer, keepAlive)
        } onCancel: {
          answer.cancel()
        }
        await keepAlive.stop()
        context.record.generation = await RequestRecord.Generation(
          answer, pump.builder, error: failure, transcribed: context.record.isTranscribed)
      } catch {
        // Nobody reads what is written.
        answer.cancel()
        failure = supervisor.cause == .timedOut ? .timedOut(after: supervisor.limit) : .clientGone
        context.record.generation = await RequestRecord.Generation(
          answer, pump.builder, error: failure, transcribed: context.record.isTranscribed)
        throw error
      }
      var builder = pump.builder
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
    _ pump: EventPump<Builder>, _ job: GenerationJob<Builder>, to writer: inout any ResponseBodyWriter,
    _ keepAlive: KeepAlive
  ) async throws -> APIError? {
    while true {
      let unwritten: ByteBuffer?
      switch await pump.run() {
      case .end(let failure): return failure
      case .write(let bytes): unwritten = bytes
      case .keep(let bytes):
        await job.keep?(pump.builder)
        unwritten = bytes
      }
      guard let unwritten else { continue }
      try await keepAlive.write(unwritten, to: &writer)
      pump.noteDelivery()
    }
  }
}

extension Answer {
  /// Takes an event of a choice. Returns the events that tell of it, and what to tell the client instead if the choice
  /// ended before it was complete.
  func take<Builder: ResponseBuilder>(
    _ event: TextEvent, of choice: Int, into builder: inout Builder, _ supervisor: AnswerSupervisor
  ) -> (events: [JSONValue], failure: APIError?) {
    switch event {
    case .pooled: return ([], nil)
    case .promptScores(let scores):
      builder.append(scores, to: choice)
      return ([], nil)
    case .piece(let piece):
      tally?.add(piece.tokens.count)
      let events = builder.append(piece, to: choice)
      if builder.isComplete(choice) { finish(choice) }
      return (events, nil)
    case .finished(let reason, let statistics):
      let failure = APIError.end(
        reason, supervisor.cause, limit: supervisor.limit, constraintField: constraintField)
      return (builder.finish(choice, reason, statistics), failure)
    }
  }
}
