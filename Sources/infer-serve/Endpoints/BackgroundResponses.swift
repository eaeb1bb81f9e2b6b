import Hummingbird
import InferCore
import InferText

/// Responses that are made without their clients, until they are stored.
final class BackgroundResponses: Sendable {
  /// Stores a response, with its events if it has a log of them.
  typealias Keep = @Sendable (ResponsesResponse, [JSONValue]?) async -> Void

  private struct Entry {
    /// The name of the key that it belongs to; `nil` for everybody's.
    let owner: String?
    var response: JSONValue
    /// The events; `nil` for a response that nobody follows.
    let log: EventLog?
    let supervisor: AnswerSupervisor
    let task: Task<Void, Never>
  }

  private let entries = Monitor<TextDictionary<Entry>>([:])
  private let service: GenerationService

  init(_ service: GenerationService) { self.service = service }

  /// A response under way as far as it has come; `nil` for none.
  func response(_ id: String, of owner: String?) -> JSONValue? { entry(id, of: owner)?.response }

  /// The events of a response under way; `nil` where there is none or nobody follows it.
  func log(of id: String, _ owner: String?) -> EventLog? { entry(id, of: owner)?.log }

  private func entry(_ id: String, of owner: String?) -> Entry? {
    guard let entry = entries.withLock({ $0[id] }), entry.owner == owner else { return nil }
    return entry
  }

  /// Ends a response, and returns when it is stored.
  func cancel(_ id: String, of owner: String?) async {
    guard let entry = entry(id, of: owner) else { return }
    entry.supervisor.end(.cancelled)
    await entry.task.value
  }

  /// Takes over an answer, which goes on until it is over or until the deadline, and its place among those of the
  /// request's key. Returns the response as it is now.
  ///
  /// - Parameter log: Gets the response's events; `nil` where nobody follows them.
  func start(
    _ id: ResponseID, _ answer: Answer, _ builder: ResponsesResponse, _ context: ServeContext, until deadline: Deadline,
    log: EventLog?, keep: @escaping Keep
  ) async -> JSONValue {
    var builder = builder
    let queued = builder.queued
    if let log { log.append(builder.queue()) }
    let supervisor = await AnswerSupervisor(answer, channel: nil, until: deadline)
    let admission = context.record.takeAdmission()
    context.record.detach()
    entries.withLock { [builder] entries in
      let task = Task { [self, ticket = service.state.responses.open()] in
        await complete(id.text, answer, builder, supervisor, admission, context.record, log, keep)
        withExtendedLifetime(ticket) {}
      }
      entries[id.text] = Entry(
        owner: context.grant.owner, response: queued, log: log, supervisor: supervisor, task: task)
    }
    return queued
  }

  private func complete(
    _ id: String, _ answer: Answer, _ builder: ResponsesResponse, _ supervisor: AnswerSupervisor,
    _ admission: Admission?, _ record: RequestRecord, _ log: EventLog?, _ keep: Keep
  ) async {
    defer { supervisor.stop() }
    var builder = builder
    var running = Optional(builder.completion)
    var last: [JSONValue] = []
    let failure = await service.gather(answer, &builder, supervisor) { event, events in
      if let response = running { self.entries.withLock { $0[id]?.response = response } }
      running = nil
      // Whoever reads of the end finds the response where it is kept.
      if case .finished = event { last = events } else { log?.append(events) }
    }
    let generation = await RequestRecord.Generation(
      answer, builder, error: failure, transcribed: record.isTranscribed)
    record.tally?.finish(generation)
    record.endLater(generation)
    admission?.end(tokens: generation.tokens)
    last += failure.flatMap { builder.fail($0) } ?? builder.cancel()
    await keep(builder, log.map { $0.events + last })
    entries.withLock { $0[id] = nil }
    log?.append(last, isOver: true)
  }
}

extension GenerationService {
  /// A stream of a log's events from a number on, which goes on until there are no others or the client is gone.
  func stream(
    _ log: EventLog, from start: Int, _ context: ServeContext, until deadline: Deadline
  ) -> Response {
    let framing = ResponsesResponse.framing
    let body = ResponseBody { writer in
      let follower = log.follow()
      let supervisor = await AnswerSupervisor(channel: context.channel, until: deadline) { follower.end() }
      defer { supervisor.stop() }
      let keepAlive = KeepAlive(writer, framing.keepAlive, every: limits.keepAlive)
      var next = start
      for await _ in follower.notices {
        let events = log.events(from: next)
        next += events.count
        if !events.isEmpty { try await keepAlive.write(framing.bytes(Array(events)), to: &writer) }
      }
      await keepAlive.stop()
      try await writer.finish(nil)
    }
    return Response(status: .ok, headers: Self.headers(of: framing), body: body)
  }
}
