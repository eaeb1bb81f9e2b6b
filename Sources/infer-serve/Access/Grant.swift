import InferCore
import InferText

/// The rights of a request: those of its key, or of anybody where the server has no keys.
struct Grant: Sendable {
  /// The request's key; `nil` for none.
  let key: APIKey?

  /// The rights of anybody.
  static let anonymous = Grant(key: nil)

  /// Whether the server may be changed: how long models stay in memory.
  var mayChangeServer: Bool { key?.scopes.contains(.admin) ?? true }

  /// The one whose sessions and responses are the request's; `nil` for anybody.
  var owner: String? { key?.name }

  /// Refuses a model whose names are none of the key's.
  func check(models names: [String]) throws(APIError) {
    guard !allows(names) else { return }
    throw .modelNotAllowed(names.first ?? "")
  }

  /// `true` when a model of these names may be used.
  func allows(_ names: [String]) -> Bool {
    guard let models = key?.models else { return true }
    return names.contains { name in models.contains { $0.isExactly(name) } }
  }

  /// The names of a model, or none where it may not be used.
  func visible(_ names: [String]) -> [String] { allows(names) ? names : [] }

  /// A request to the engine as the key lets it be: at no higher priority, in the key's part of the prefix cache, and with
  /// the key as its client, whatever users it names, and a session that is the key's own.
  func restrict(_ request: GenerationRequest) -> GenerationRequest {
    guard let key else { return request }
    var request = request
    request.priority = max(request.priority, key.priority)
    request.cacheScope = request.cacheScope.map(scope)
    request.client = key.name
    request.session = request.session.map { session($0.name, in: scope($0.scope)) }
    return request
  }

  /// The key's part of a scope that a request names.
  func scope(_ scope: CacheScope) -> CacheScope {
    guard let salt = key?.cacheSalt else { return scope }
    // A byte that no text has: nobody can name another key's scope.
    return CacheScope(salt: [0xFF] + Array(salt.utf8) + [0xFF] + scope.salt)
  }

  /// The key's session of a name, in a scope of the key.
  func session(_ name: String, in scope: CacheScope) -> SessionName {
    SessionName((owner.map { $0 + "/" } ?? "") + name, in: scope)
  }

  /// The name under which the key has a session; `nil` where the session is another's.
  func name(of session: SessionName) -> String? {
    guard let owner else { return session.name }
    let prefix = owner + "/"
    return session.name.hasPrefix(prefix) ? String(session.name.dropFirst(prefix.count)) : nil
  }
}
