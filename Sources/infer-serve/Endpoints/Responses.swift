import Foundation
import Hummingbird
import HybridBlocks
import InferCore
import InferText
import Logging

/// OpenAI's `/v1/responses`
struct Responses: Sendable {
  let service: GenerationService
  let background: BackgroundResponses

  /// The maximum number of bytes of the earlier part of a conversation.
  private static let longestPast = 64 << 20

  init(service: GenerationService) {
    self.service = service
    background = BackgroundResponses(service)
  }

  private var store: ResponseStore { service.responses }

  /// `POST /v1/responses`
  func respond(_ request: Request, _ context: ServeContext) async throws -> Response {
    let owner = context.grant.owner
    return try await service.respond(request, context, waits: true) { reader, served throws(APIError) in
      try job(reader, served, owner)
    }
  }

  /// `POST /v1/responses/input_tokens`: the number of a conversation's tokens.
  func count(_ request: Request, _ context: ServeContext) async throws -> Response {
    let owner = context.grant.owner
    return try await service.read(request, context, waits: true) { reader, served throws(APIError) in
      let request = try ResponsesRequest(
        reader, defaults: served.model.generation, response: ResponseID(), past: past(of: reader, owner))
      return [
        "object": "response.input_tokens", "input_tokens": .integer(try EncodedChat.count(request.chat, served)),
      ]
    }
  }

  private func job(
    _ reader: FieldReader, _ served: ServedModel, _ owner: String?
  ) throws(APIError) -> GenerationJob<ResponsesResponse> {
    let id = ResponseID()
    let request = try ResponsesRequest(
      reader, defaults: served.model.generation, response: id, past: past(of: reader, owner))
    let prepared = try PreparedChat(request.chat, served)
    let head = ResponsesResponse.Head(
      id: id, created: Int(Date().timeIntervalSince1970), model: served.name, echo: request.echo,
      contextShift: prepared.chat.shift)
    var job = prepared.job(ResponsesResponse(head: head, choice: prepared.choice(), request.output))
    guard request.isStored else { return job }
    let keep: BackgroundResponses.Keep = { [service, input = request.input] response, events in
      await service.keep(StoredResponse(owner: owner, response: response.completion, input: input, events: events))
    }
    if request.runsInBackground {
      let log = job.streaming.map { _ in EventLog() }
      job.detach = { [background, service] answer, builder, context, deadline in
        let queued = await background.start(
          id, answer, builder, context, until: deadline, log: log, keep: keep)
        return log.map { service.stream($0, from: 0, context, until: deadline) } ?? .json(queued)
      }
    } else {
      job.keep = { await keep($0, nil) }
    }
    return job
  }

  /// The stored part of a request's conversation.
  private func past(of reader: FieldReader, _ owner: String?) throws(APIError) -> ResponsesPast {
    var past = ResponsesPast()
    if let id = try reader.string("previous_response_id") {
      if background.response(id, of: owner) != nil {
        throw reader.wrongValue("previous_response_id", "is '\(id)', which is not finished")
      }
      past.items = try store.conversation(to: id, of: owner, limit: Self.longestPast)
    }
    for id in try ResponsesItems.references(reader) {
      guard let response = ResponseID(ofItem: id), let stored = try store.find(response.text, of: owner) else {
        continue
      }
      past.references[id] = stored.items.first { $0["id"]?.string.map { $0.isExactly(id) } ?? false }
    }
    return past
  }

  // MARK: Stored responses

  /// `GET` and `DELETE /v1/responses/{id}`
  func tellOrDelete(_ request: Request, _ context: ServeContext) async throws -> Response {
    let (id, owner) = (Self.id(context), context.grant.owner)
    if request.method == .delete { return try await delete(id, of: owner) }
    guard let start = try Self.firstEvent(request) else {
      if let running = background.response(id, of: owner) { return .json(running) }
      return .json(try await find(id, of: owner).response)
    }
    let log: EventLog
    if let running = background.log(of: id, owner) {
      log = running
    } else {
      guard background.response(id, of: owner) == nil, let events = try await find(id, of: owner).events else {
        throw APIError.invalid(
          "stream", "The response '\(id)' has no events: it was not created with both background and stream.",
          code: "invalid_value")
      }
      log = EventLog(events, isOver: true)
    }
    return service.stream(log, from: start, context, until: Deadline(from: .now, limit: service.limits.requestTime))
  }

  /// The number of the first event that a query wants; `nil` where it wants none.
  private static func firstEvent(_ request: Request) throws(APIError) -> Int? {
    let query = request.uri.queryParameters
    let after = query["starting_after"].map(String.init)
    let last = after.flatMap { Int($0) }
    if let after, last.map({ $0 < 0 || $0 == .max }) ?? true {
      throw .invalid(
        "starting_after", "starting_after must be the number of an event, not '\(after)'.", code: "invalid_value")
    }
    switch query["stream"].map(String.init) {
    case "true": return last.map { $0 + 1 } ?? 0
    case nil, "false":
      guard after == nil else {
        throw .invalid("starting_after", "starting_after needs stream to be true.", code: "invalid_value")
      }
      return nil
    case let other?:
      throw .invalid("stream", "stream must be 'true' or 'false', not '\(other)'.", code: "invalid_value")
    }
  }

  private func delete(_ id: String, of owner: String?) async throws -> Response {
    if background.response(id, of: owner) != nil {
      throw APIError.invalid("response_id", "The response '\(id)' is not finished; cancel it first.")
    }
    let wasThere = try await service.workers.run(bytes: .max) { [store] () throws(APIError) in
      try store.remove(id, of: owner)
    }
    guard wasThere else { throw APIError.responseNotFound(id) }
    return .json(["id": .string(id), "object": "response", "deleted": true])
  }

  /// `POST /v1/responses/{id}/cancel`
  func cancel(_ request: Request, _ context: ServeContext) async throws -> Response {
    let (id, owner) = (Self.id(context), context.grant.owner)
    await background.cancel(id, of: owner)
    let stored = try await find(id, of: owner)
    guard stored.response["background"] == true else {
      throw APIError.invalid("response_id", "The response '\(id)' has no background to be cancelled in.")
    }
    return .json(stored.response)
  }

  /// `GET /v1/responses/{id}/input_items`
  func inputItems(_ request: Request, _ context: ServeContext) async throws -> Response {
    let (id, owner, query) = (Self.id(context), context.grant.owner, request.uri.queryParameters)
    let page = try ItemPage(
      order: query["order"].map(String.init), limit: query["limit"].map(String.init),
      after: query["after"].map(String.init))
    if background.response(id, of: owner) != nil {
      throw APIError.invalid("response_id", "The response '\(id)' is not finished.")
    }
    return .json(try page.json(of: await find(id, of: owner).input))
  }

  private func find(_ id: String, of owner: String?) async throws -> StoredResponse {
    let stored = try await service.workers.run(bytes: .max) { [store] () throws(APIError) in
      try store.find(id, of: owner)
    }
    guard let stored else { throw APIError.responseNotFound(id) }
    return stored
  }

  private static func id(_ context: ServeContext) -> String {
    let raw = context.parameters.get("id") ?? ""
    return raw.removingPercentEncoding ?? raw
  }
}

extension GenerationService {
  /// Keeps a response. What a database cannot take is kept in memory all the same, and told in the log.
  fileprivate func keep(_ stored: StoredResponse) async {
    do { try await responses.save(stored) } catch {
      logger.error("response not stored", metadata: ["id": "\(stored.id)", "error": "\(error)"])
    }
  }
}
