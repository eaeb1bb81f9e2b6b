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
      if tellsTables { event.merge(tables(of: model, grant)) }
      try await writer.write(Self.framing.bytes([.object(event)]))
    }
  }

  private func history(of model: HostedModel, _ grant: Grant) -> JSONValue {
    let others = service.state.models.models.flatMap { grant.visible([$0.name]) }
    var event: JSONObject = [
      "type": "history", "model": .string(model.name), "models": .array(others.map(JSONValue.string)),
      "columns": .array(model.statistics.names.map(JSONValue.string)), "rows": .array(model.statistics.rows(from: 0)),
    ]
    event.merge(tables(of: model, grant))
    return .object(event)
  }

  /// The load of experts, and what keys have asked for: each its own alone, but for those that may change the server.
  private func tables(of model: HostedModel, _ grant: Grant) -> JSONObject {
    let metrics = service.metrics
    // A key whose first request is under way has none that was answered.
    let all = Set((metrics.keyRequests.members.map(\.values) + metrics.keyRunning.members.map(\.values)).map { $0[0] })
    let keys = all.sorted().filter { name in
      guard let key = grant.key else { return true }
      return key.scopes.contains(.admin) || key.name.isExactly(name)
    }
    return ["experts": model.statistics.experts, "keys": .array(keys.map { metrics.figures(of: $0) })]
  }
}

extension ServerMetrics {
  /// The requests and tokens of a key, of all models and of each.
  fileprivate func figures(of key: String) -> JSONValue {
    let refused = keyRefusals.members.reduce(0) { $0 + ($1.values[0].isExactly(key) ? $1.metric.value : 0) }
    var (running, prompt, generated) = (0, 0, 0)
    let models = keyRunning.members.filter { $0.values[0].isExactly(key) }.map { values, gauge -> JSONValue in
      let of = (
        running: Int(gauge.value), prompt: keyTokens(key, values[1], "prompt").value,
        generated: keyTokens(key, values[1], "generated").value
      )
      (running, prompt, generated) = (running + of.running, prompt + of.prompt, generated + of.generated)
      return [
        "model": .string(values[1]), "running": .integer(of.running), "prompt_tokens": .integer(of.prompt),
        "generated_tokens": .integer(of.generated),
      ]
    }
    return [
      "key": .string(key), "requests": .integer(keyRequests(key).value), "running": .integer(running),
      "prompt_tokens": .integer(prompt), "generated_tokens": .integer(generated), "refused": .integer(refused),
      "models": .array(models),
    ]
  }
}
