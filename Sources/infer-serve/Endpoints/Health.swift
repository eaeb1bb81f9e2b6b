import HTTPTypes
import Hummingbird
import HybridBlocks
import InferCore
import InferText

/// `GET /health`, `/ready` and `/ping`: 200 when the models of the start are loaded and requests are taken, 503 before and
/// after.
struct Health: Sendable {
  let state: ServerState

  func respond(_ request: Request, _ context: ServeContext) -> Response {
    let phase = state.phase
    if case .ready = phase {
      return .json(["status": .string(phase.name), "model": .string(state.models.defaultName)])
    }
    var response = Response.json(["status": .string(phase.name)], status: .serviceUnavailable)
    response.headers[.retryAfter] = if case .loading = phase { "2" } else { "5" }
    return response
  }
}
