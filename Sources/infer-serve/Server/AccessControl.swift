import Foundation
import Hummingbird
import InferCore
import InferMetrics

/// Stands before every endpoint: finds the request's key, and holds the request to what the key may do.
struct AccessControl: Sendable {
  /// The keys in force; `nil` where anybody may do anything.
  let keys: KeyRing?
  let metrics: ServerMetrics

  /// Has a request answered that is allowed.
  ///
  /// - Parameter need: The key that its operation needs.
  func respond(
    _ request: Request, _ context: ServeContext, needing need: KeyNeed,
    _ handler: (Request, ServeContext) async throws -> Response
  ) async throws -> Response {
    guard let keys, need != .none else { return try await handler(request, context) }
    let texts = Credentials.keys(in: request.headers)
    guard let entry = keys.find(texts) else {
      throw refusal(.unauthorized, "", "invalid")
    }
    let key = entry.key
    if context.record.isLogged {
      context.record.secret = texts.first { KeyDigest(of: $0) == key.digest }
    }
    context.record.key = key.name
    if key.isExpired(at: .now) { throw refusal(.unauthorized, key.name, "expired") }
    if let scope = need.scope, !key.scopes.contains(scope) { throw refusal(.scopeMissing(scope), key.name, "scope") }
    // Who only looks at the server takes nothing from anybody.
    if need == .scope(.inference) {
      let (result, headers) = entry.usage.admit(key, form: ErrorForm(target: request.uri.path))
      context.record.limits = headers
      switch result {
      case .success(let admission): context.record.admit(admission)
      case .failure(let reached): throw refusal(.limitReached(reached), key.name, reached.kind.rawValue)
      }
    }
    var context = context
    context.grant = Grant(key: key)
    do { return try await handler(request, context) } catch let error as APIError {
      if error.code == APIError.modelNotAllowedCode { throw refusal(error, key.name, "model") }
      throw error
    }
  }

  /// Counts a refusal.
  private func refusal(_ error: APIError, _ key: String, _ reason: String) -> APIError {
    metrics.keyRefusals(key, reason).increment()
    return error
  }
}
