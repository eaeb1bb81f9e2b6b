import Hummingbird
import InferCore
import InferText

/// `POST /slots/{id}?action=save|restore|erase`: sessions as llama-server spells them. A slot is no more than a number that
/// requests name by `id_slot`.
struct Slots: Sendable {
  let sessions: Sessions

  func act(_ request: Request, _ context: ServeContext) async throws -> Response {
    let grant = context.grant
    _ = try sessions.configured(grant)
    guard let number = context.parameters.get("id").flatMap({ Int32($0) }), number >= 0 else {
      throw APIError.invalid("id", "The slot must be a number from 0 on.", code: "invalid_value")
    }
    let action = request.uri.queryParameters["action"].map(String.init) ?? ""
    let (reader, served) = try await sessions.service.fields(of: request, context)
    let session = grant.session(
      SessionFields.slotName(Int(number)), in: served.scope(try Sessions.scope(reader, request, grant)))
    let slot = JSONValue.integer(Int(number))
    switch action {
    case "save":
      let name = try Self.name(reader)
      let saving = try await sessions.save(session, as: name, grant, served)
      return .json([
        "id_slot": slot, "filename": .string(name), "n_saved": .integer(saving.state.tokens.count),
        "n_written": .integer(saving.state.byteCount), "timings": ["save_ms": .number(saving.milliseconds)],
      ])
    case "restore":
      let name = try Self.name(reader)
      let restoring = try await sessions.restore(session, from: name, grant, served)
      return .json([
        "id_slot": slot, "filename": .string(name), "n_restored": .integer(restoring.state.tokens.count),
        "n_read": .integer(restoring.state.byteCount), "timings": ["restore_ms": .number(restoring.milliseconds)],
      ])
    case "erase":
      let count = served.engine.tokens(of: session)?.count ?? 0
      served.engine.forget(session)
      return .json(["id_slot": slot, "n_erased": .integer(count)])
    default:
      throw APIError.invalid(
        "action", "action must be 'save', 'restore' or 'erase', not '\(action)'.", code: "invalid_value")
    }
  }

  private static func name(_ reader: FieldReader) throws(APIError) -> String {
    let name = try reader.required(string: "filename")
    try SessionFields.check(name, "filename")
    return name
  }
}
