import Hummingbird
import InferCore
import InferText

/// `GET /` and `GET /version`: what this is.
struct Greeting: Sendable {
  let state: ServerState
  /// `METHOD path` of every endpoint.
  let endpoints: [String]

  /// For whoever opens the server's address.
  func respond(_ request: Request, _ context: ServeContext) -> Response {
    .json([
      "name": .string(Software.name), "version": .string(Software.version),
      "model": .string(state.models.defaultName),
      "status": .string(state.phase.name), "endpoints": .array(endpoints.map(JSONValue.string)),
    ])
  }

  /// The version alone.
  func version(_ request: Request, _ context: ServeContext) -> Response {
    .json(["version": .string(Software.version)])
  }
}
