import Foundation
import Hummingbird
import HybridBlocks
import InferCore
import InferText

/// `GET /v1/models` and `GET /v1/models/NAME`, and `POST /v1/models/load` and `/v1/models/unload`.
struct Models: Sendable {
  let service: GenerationService

  private var state: ServerState { service.state }

  /// All models by each of their names, and adapters by their first.
  func list(_ request: Request, _ context: ServeContext) async throws -> Response {
    try state.check()
    let data = try await service.describingModels { [state] () throws(APIError) in
      state.models.models.flatMap { model in
        context.grant.visible(model.definition.names).map { Self.object($0, model) }
      }
    }
    let adapters = state.models.adapters.filter { context.grant.allows($0.adapter.names) }.map {
      Self.object($0.adapter.name, $0.model, parent: $0.model.name)
    }
    let routers = state.models.routers.filter { context.grant.allows([$0.name]) }.map(Self.object)
    return .json(["object": "list", "data": .array(data + adapters + routers)])
  }

  /// One model by its name, which may have slashes.
  func model(_ request: Request, _ context: ServeContext) throws -> Response {
    let path = request.uri.path.split(separator: "/").drop { $0 == "v1" }.dropFirst().joined(separator: "/")
    let name = path.removingPercentEncoding ?? path
    try state.check()
    if let router = state.models.router(named: name) {
      try context.grant.check(models: [router.name])
      return .json(Self.object(router))
    }
    let (model, adapter) = (try state.models.model(named: name), state.models.adapter(named: name))
    try context.grant.check(models: adapter?.names ?? model.definition.names)
    return .json(Self.object(name, model, parent: adapter.map { _ in model.name }))
  }

  /// Loads a model, and answers when it is there.
  func load(_ request: Request, _ context: ServeContext) async throws -> Response {
    let (name, model) = try await target(request, context)
    await state.models.load(model)
    if case .failed(let error, let time) = model.state { throw APIError.failed(model, error, at: time) }
    return .json(Self.object(name, model))
  }

  /// Unloads a model when the requests that it has are finished, and answers then.
  func unload(_ request: Request, _ context: ServeContext) async throws -> Response {
    let (name, model) = try await target(request, context)
    guard !model.definition.isDivided else { throw APIError.divided(model) }
    await state.models.unload(model)
    return .json(Self.object(name, model))
  }

  /// The model that a body names.
  private func target(
    _ request: Request, _ context: ServeContext
  ) async throws -> (name: String, model: HostedModel) {
    let body = try await service.body(
      of: request, context, until: Deadline(from: .now, limit: service.limits.requestTime))
    let reader = try body.reader(context.record)
    let name = try reader.required(string: "model")
    return (name, try state.models.model(named: name))
  }

  private static func object(_ router: ModelRouter) -> JSONValue {
    [
      "id": .string(router.name), "object": "model", "created": 0, "owned_by": "infer-serve", "state": "router",
      "routes": ["fast": .string(router.fast), "slow": .string(router.slow)],
    ]
  }

  /// - Parameter parent: The name of the model that an adapter is added to.
  private static func object(_ name: String, _ model: HostedModel, parent: String? = nil) -> JSONValue {
    let state = model.state
    var object: JSONObject = [
      "id": .string(name), "object": "model", "created": .integer(model.created), "owned_by": "infer-serve",
      "state": .string(state.name),
    ]
    switch state {
    case .ready(let served):
      object["max_model_len"] = .integer(served.engine.limits.contextLength)
    case .loading(let progress?) where progress.bytesTotal > 0:
      object["progress"] = .number(Double(progress.bytesDone) / Double(progress.bytesTotal))
    case .unloaded, .loading, .unloading, .failed: break
    }
    object["parent"] = parent.map(JSONValue.string)
    if parent != nil { return .object(object) }
    object["memory_bytes"] = model.memoryBytes.map(JSONValue.integer)
    return .object(object)
  }
}

extension GenerationService {
  /// Describes models, on a thread where nobody minds: the files of those that are not loaded may have to be read.
  func describingModels(_ describe: @escaping @Sendable () throws(APIError) -> [JSONValue]) async throws(APIError)
    -> [JSONValue]
  {
    let waits = state.models.models.contains { !$0.isLoaded }
    return try await workers.run(bytes: waits ? .max : 0, describe)
  }
}
