import Foundation
import Hummingbird
import HybridBlocks
import InferCore

/// `GET /v1/models` and `GET /v1/models/{id}`
struct Models: Sendable {
  let state: ServerState

  /// All models: the one that is served.
  func list(_ request: Request, _ context: ServeContext) throws -> Response {
    .json(["object": "list", "data": [Self.object(try state.model())]])
  }

  /// One model by its name.
  func model(_ request: Request, _ context: ServeContext) throws -> Response {
    let given = context.parameters.get("id") ?? ""
    let name = given.removingPercentEncoding ?? given
    let served = try state.model()
    try state.check(modelName: name)
    return .json(Self.object(served))
  }

  private static func object(_ served: ServedModel) -> JSONValue {
    [
      "id": .string(served.model.name), "object": "model", "created": .integer(served.created),
      "owned_by": "infer-serve", "max_model_len": .integer(served.engine.limits.contextLength),
    ]
  }
}
