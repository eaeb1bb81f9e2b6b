import InferText

/// The treatment of a prompt that leaves no room for an answer in the context.
enum Overflow: String, Sendable, CaseIterable {
  /// The request is refused.
  case error
  /// The oldest part of the prompt is left out.
  case shift

  /// The request's own choice; `nil` when it leaves it to the server.
  init?(_ reader: FieldReader) throws(APIError) {
    guard let name = try reader.string("overflow") else { return nil }
    guard let value = Self.allCases.first(where: { $0.rawValue.isExactly(name) }) else { return nil }
    self = value
  }
}

/// The part of a request that was left out because it did not fit the context.
struct ContextShift: Sendable, Equatable {
  /// The messages; `nil` where there are none but a text.
  var droppedMessages: Int?
  /// The tokens by which the prompt became shorter.
  var droppedTokens: Int

  /// The member `context_shift`.
  var json: JSONValue {
    var members: JSONObject = [:]
    members["dropped_messages"] = droppedMessages.map(JSONValue.integer)
    members["dropped_tokens"] = .integer(droppedTokens)
    return .object(members)
  }

  /// The header `x-context-shift`, a dictionary of RFC 8941.
  var header: String {
    let messages = droppedMessages.map { "dropped_messages=\($0), " } ?? ""
    return "\(messages)dropped_tokens=\(droppedTokens)"
  }
}
