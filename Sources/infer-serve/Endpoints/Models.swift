import Foundation
import Hummingbird
import HybridBlocks
import InferCore
import InferText

/// `GET /v1/models` and `GET /v1/models/NAME`
struct Models: Sendable {
  let state: ServerState

  /// All models: the one that is served, by each of its names.
  func list(_ request: Request, _ context: ServeContext) throws -> Response {
    let served = try state.model()
    let names = context.grant.visible(state.modelNames)
    return .json(["object": "list", "data": .array(names.map { Self.object($0, served) })])
  }

  /// One model by its name, which may have slashes.
  func model(_ request: Request, _ context: ServeContext) throws -> Response {
    let path = request.uri.path.split(separator: "/").drop { $0 == "v1" }.dropFirst().joined(separator: "/")
    let name = path.removingPercentEncoding ?? path
    let served = try state.model()
    try state.check(modelName: name)
    try context.grant.check(models: state.modelNames)
    return .json(Self.object(name, served))
  }

  private static func object(_ name: String, _ served: ServedModel) -> JSONValue {
    [
      "id": .string(name), "object": "model", "created": .integer(served.created),
      "owned_by": "infer-serve", "max_model_len": .integer(served.engine.limits.contextLength),
    ]
  }
}
