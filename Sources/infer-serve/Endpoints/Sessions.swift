import Foundation
import Hummingbird
import InferCore
import InferText

/// `/v1/sessions`: what requests with a `session_id` have computed, saved under its name and restored.
struct Sessions: Sendable {
  let service: GenerationService
  let folder: SessionFolder?

  /// `GET /v1/sessions`: the sessions that are remembered or saved.
  func list(_ request: Request, _ context: ServeContext) async throws -> Response {
    let folder = try configured(context.grant)
    let served = try await service.state.model(named: request.modelName, for: context.grant)
    let scope = served.scope(try Self.scope(nil, request, context.grant))
    let saved = folder.saved(in: scope)
    var known: [String: Int] = [:]
    for session in served.engine.knownSessions(in: scope) {
      guard let name = context.grant.name(of: session.name), SessionFields.isName(name) else { continue }
      known[name] = session.tokens
    }
    let data = Set(saved.keys).union(known.keys).sorted().map { name -> JSONValue in
      [
        "id": .string(name), "object": "session", "tokens": known[name].map(JSONValue.integer) ?? .null,
        "saved": .bool(saved[name] != nil), "bytes": saved[name].map(JSONValue.integer) ?? .null,
      ]
    }
    return .json(["object": "list", "data": .array(data)])
  }

  /// `POST /v1/sessions/{id}/save`
  func save(_ request: Request, _ context: ServeContext) async throws -> Response {
    let name = try Self.name(context)
    let (scope, served) = try await scope(request, context)
    let saving = try await save(context.grant.session(name, in: scope), as: name, context.grant, served)
    return .json([
      "id": .string(name), "object": "session", "saved_tokens": .integer(saving.state.tokens.count),
      "bytes": .integer(saving.state.byteCount), "timings": ["save_ms": .number(saving.milliseconds)],
    ])
  }

  /// `POST /v1/sessions/{id}/restore`
  func restore(_ request: Request, _ context: ServeContext) async throws -> Response {
    let name = try Self.name(context)
    let (scope, served) = try await scope(request, context)
    let restoring = try await restore(context.grant.session(name, in: scope), from: name, context.grant, served)
    return .json([
      "id": .string(name), "object": "session", "restored_tokens": .integer(restoring.state.tokens.count),
      "bytes": .integer(restoring.state.byteCount), "timings": ["restore_ms": .number(restoring.milliseconds)],
    ])
  }

  /// `DELETE /v1/sessions/{id}`: forgets the session and removes its file.
  func delete(_ request: Request, _ context: ServeContext) async throws -> Response {
    let name = try Self.name(context)
    let (scope, served) = try await scope(request, context)
    let wasKnown = served.engine.forget(context.grant.session(name, in: scope))
    let folder = try configured(context.grant)
    let file = folder.file(of: name, in: scope)
    let wasSaved = served.engine.removeState(at: file)
    guard wasKnown || wasSaved else { throw APIError(.missing(at: file), session: name) }
    return .json(["id": .string(name), "object": "session.deleted", "deleted": true])
  }

  // MARK: What both spellings do

  /// A state in a file, and the time that writing or reading it took.
  typealias Outcome = (state: SavedState, milliseconds: Double)

  /// Saves a session's state in the file of a name that has been checked.
  func save(
    _ session: SessionName, as name: String, _ grant: Grant, _ served: ServedModel
  ) async throws -> Outcome {
    let folder = try configured(grant)
    let file = folder.file(of: name, in: session.scope)
    guard let tokens = served.engine.tokens(of: session) else { throw APIError(.missing(at: file), session: name) }
    folder.make()
    let start = ContinuousClock.now
    do throws(StateFileError) {
      let state = try await served.engine.save(tokens, in: session.scope, to: file)
      return (state, (ContinuousClock.now - start).seconds * 1000)
    } catch { throw APIError(error, session: name) }
  }

  /// Restores a session's state from the file of a name that has been checked.
  func restore(
    _ session: SessionName, from name: String, _ grant: Grant, _ served: ServedModel
  ) async throws -> Outcome {
    let folder = try configured(grant)
    let start = ContinuousClock.now
    do throws(StateFileError) {
      let state = try await served.engine.restore(
        from: folder.file(of: name, in: session.scope), in: session.scope)
      served.engine.note(session, tokens: state.tokens)
      return (state, (ContinuousClock.now - start).seconds * 1000)
    } catch { throw APIError(error, session: name) }
  }

  /// The folder, if the server has one, as a key has it.
  func configured(_ grant: Grant) throws(APIError) -> SessionFolder {
    guard var folder else { throw .sessionsOff }
    folder.owner = grant.owner
    return folder
  }

  /// The scope that a request names, by `cache_salt` in its body or its query, and the model.
  private func scope(
    _ request: Request, _ context: ServeContext
  ) async throws -> (scope: CacheScope, served: ServedModel) {
    _ = try configured(context.grant)
    let (reader, served) = try await service.fields(of: request, context)
    return (served.scope(try Self.scope(reader, request, context.grant)), served)
  }

  static func scope(_ reader: FieldReader?, _ request: Request, _ grant: Grant) throws(APIError) -> CacheScope {
    let salt = try reader?.string("cache_salt") ?? request.uri.queryParameters["cache_salt"].map(String.init)
    return grant.scope(try SessionFields.scope(salt: salt, "cache_salt"))
  }

  private static func name(_ context: ServeContext) throws -> String {
    let raw = context.parameters.get("id") ?? ""
    let name = raw.removingPercentEncoding ?? raw
    try SessionFields.check(name, "id")
    return name
  }
}
