import HTTPTypes
import Hummingbird
import HybridBlocks
import InferCore

/// `GET /health` and `/ping`: 200 when requests are taken, 503 before and after.
struct Health: Sendable {
  let state: ServerState

  func respond(_ request: Request, _ context: ServeContext) -> Response {
    switch state.phase {
    case .ready(let served): .json(["status": "ok", "model": .string(served.name)])
    case .loading: Self.unavailable("loading", retryAfter: "2")
    case .draining: Self.unavailable("draining", retryAfter: "5")
    }
  }

  private static func unavailable(_ status: String, retryAfter: String) -> Response {
    var response = Response.json(["status": .string(status)], status: .serviceUnavailable)
    response.headers[.retryAfter] = retryAfter
    return response
  }
}
