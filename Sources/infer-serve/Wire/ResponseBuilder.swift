import InferCore
import InferText

/// Turns what is generated for a request into the response's JSON: events as they come, or one object at the end.
///
/// Knows nothing of connections, so that it can be tested without one.
protocol ResponseBuilder: Sendable {
  /// The framing of events.
  static var framing: StreamFraming { get }
  /// Takes scores of the next tokens of a choice's prompt.
  mutating func append(_ scores: [PromptTokenScore], to index: Int)
  /// Takes a piece of a choice's text and returns the events that tell of it.
  mutating func append(_ piece: TextPiece, to index: Int) -> [JSONValue]
  /// True when a choice would tell nothing of what it still generates.
  func isComplete(_ index: Int) -> Bool
  /// Takes a choice's end and returns the events that tell of it.
  mutating func finish(_ index: Int, _ reason: FinishReason, _ statistics: GenerationStatistics) -> [JSONValue]
  /// Takes what ended the answer before it was complete, and returns the events that tell of it; `nil` where the error
  /// alone does.
  mutating func fail(_ error: APIError) -> [JSONValue]?
  /// The whole response, when every choice has finished.
  var completion: JSONValue { get }
  /// The event that tells the usage, when every choice has finished; `nil` where other events tell it.
  var usageEvent: JSONValue? { get }
  /// Token counts of the choices that have finished.
  var usage: Usage { get }
  /// The answers of all choices so far, the same for all APIs.
  var transcripts: [ChoiceTranscript] { get }
  /// The reason for which a choice ended; `nil` while it has not.
  func finishReason(of index: Int) -> FinishReason?
}

extension ResponseBuilder {
  static var framing: StreamFraming { .events }
  var usageEvent: JSONValue? { nil }
  mutating func fail(_ error: APIError) -> [JSONValue]? { nil }
  func isComplete(_ index: Int) -> Bool { false }
  mutating func append(_ scores: [PromptTokenScore], to index: Int) {}
}

/// The members that all objects of one response share.
struct ResponseHead: Sendable {
  var id: String
  /// Seconds since 1970.
  var created: Int
  var model: String
  /// `true` when a last event tells the usage: then all others say that they do not.
  var announcesUsage: Bool
  /// The part that was left out of the prompt. The last event, or the whole response, tells of it.
  var contextShift: ContextShift?

  /// Tells apart servers whose answers may differ for the same seed.
  static let systemFingerprint = "\(Software.name)-\(Software.version)"

  /// An object of this response: the shared members, then `rest`.
  ///
  /// - Parameter isLast: `true` when it tells of the whole response.
  func object(_ kind: String, _ rest: JSONObject, isLast: Bool = false) -> JSONValue {
    var members = shared(kind)
    members.merge(rest)
    if isLast { members["context_shift"] = contextShift?.json }
    return .object(members)
  }

  /// An event with one choice.
  func event(_ kind: String, _ choice: JSONValue, timings: Timings? = nil) -> JSONValue {
    var members = shared(kind)
    members["choices"] = .array([choice])
    if announcesUsage { members["usage"] = .null }
    guard let timings else { return .object(members) }
    members["timings"] = timings.json
    members["context_shift"] = contextShift?.json
    return .object(members)
  }

  private func shared(_ kind: String) -> JSONObject {
    // With room for what an event adds: it is written for every token.
    var members = JSONObject(minimumCapacity: 8)
    members["id"] = .string(id)
    members["object"] = .string(kind)
    members["created"] = .integer(created)
    members["model"] = .string(model)
    members["system_fingerprint"] = .string(Self.systemFingerprint)
    return members
  }
}
