import Hummingbird
import InferCore
import InferMetrics
import InferText

/// `GET /stats`: the last hour of a model, and what comes, second by second, for those who prefer events.
struct LiveStatistics: Sendable {
  let service: GenerationService

  static let framing = StreamFraming.namedEvents

  /// Readings between two tables of experts, which may be large, and of keys.
  private static let tablesInterval = 5

  func respond(_ request: Request, _ context: ServeContext) throws -> Response {
    let model = try service.state.models.model(named: request.modelName)
    try context.grant.check(models: model.definition.names)
    guard MediaType.prefers("text/event-stream", to: "application/json", request.headers) else {
      return .json(history(of: model, context.grant))
    }
    let body = ResponseBody { writer in
      let follower = model.statistics.follow()
      let deadline = Deadline(from: .now, limit: service.limits.requestTime)
      let supervisor = await AnswerSupervisor(channel: context.channel, until: deadline) { follower.end() }
      defer { supervisor.stop() }
      try await write(model, context.grant, follower, to: &writer)
      try await writer.finish(nil)
    }
    return Response(status: .ok, headers: GenerationService.headers(of: Self.framing), body: body)
  }

  @concurrent private func write(
    _ model: HostedModel, _ grant: Grant, _ follower: Statistics.Follower, to writer: inout any ResponseBodyWriter
  ) async throws {
    var next = model.statistics.count
    try await writer.write(Self.framing.bytes([history(of: model, grant)]))
    for await _ in follower.notices {
      let rows = model.statistics.rows(from: next)
      guard !rows.isEmpty else { continue }
      let tellsTables = next / Self.tablesInterval < (next + rows.count) / Self.tablesInterval
      next += rows.count
      var event: JSONObject = ["type": "readings", "rows": .array(rows)]
      if tellsTables { event.merge(tables(of: model, grant)) { _, new in new } }
      try await writer.write(Self.framing.bytes([.object(event)]))
    }
  }

  private func history(of model: HostedModel, _ grant: Grant) -> JSONValue {
    let others = service.state.models.models.flatMap { grant.visible([$0.name]) }
    var event: JSONObject = [
      "type": "history", "model": .string(model.name), "models": .array(others.map(JSONValue.string)),
      "columns": .array(model.statistics.names.map(JSONValue.string)), "rows": .array(model.statistics.rows(from: 0)),
    ]
    event.merge(tables(of: model, grant)) { _, new in new }
    return .object(event)
  }

  /// The load of experts, and what keys have asked for: each its own alone, but for those that may change the server.
  private func tables(of model: HostedModel, _ grant: Grant) -> JSONObject {
    let metrics = service.metrics
    let keys = metrics.keyRequests.members.map(\.values[0]).filter { name in
      guard let key = grant.key else { return true }
      return key.scopes.contains(.admin) || key.name.isExactly(name)
    }
    let refusals = metrics.keyRefusals.members
    return [
      "experts": model.statistics.experts,
      "keys": .array(
        keys.map { key in
          let refused = refusals.reduce(0) { $0 + ($1.values[0].isExactly(key) ? $1.metric.value : 0) }
          return [
            "key": .string(key), "requests": .integer(metrics.keyRequests(key).value),
            "prompt_tokens": .integer(metrics.keyTokens(key, "prompt").value),
            "generated_tokens": .integer(metrics.keyTokens(key, "generated").value), "refused": .integer(refused),
          ]
        }),
    ]
  }
}
