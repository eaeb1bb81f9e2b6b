import Foundation
import InferCore
import InferText

/// The response of `POST /v1/responses`, whole or as events.
struct ResponsesResponse: ResponseBuilder {
  /// The members that do not change while it is made.
  struct Head: Sendable {
    var id: ResponseID
    /// Seconds since 1970.
    var created: Int
    var model: String
    /// Members that repeat the request.
    var echo: JSONObject
    var contextShift: ContextShift?
  }

  static let framing = StreamFraming.namedEvents

  let head: Head
  private var choice: ChatChoice
  private var output: ResponsesOutput
  private var sequence = 0
  /// `true` when it has been told that the response exists.
  private var isCreated = false
  /// `true` when it has been told that it is being made.
  private var hasBegun = false
  /// Events of an answer that ended before it was complete.
  private var heldBack: [JSONObject] = []
  private var error: APIError?
  private var completedAt: Int?

  /// A response that has not begun.
  init(head: Head, choice: ChatChoice, _ options: ResponsesOutput.Options = ResponsesOutput.Options()) {
    self.head = head
    self.choice = choice
    output = ResponsesOutput(head.id, options)
  }

  /// The first events wait for the first token, so that clients who take the time to the first event for the time to the
  /// first token are right.
  private mutating func opening() -> [JSONObject] {
    if hasBegun { return [] }
    hasBegun = true
    let created = isCreated ? [] : [state("response.created", "in_progress")]
    return created + [state("response.in_progress", "in_progress")]
  }

  /// The events of a response that waits to be made.
  mutating func queue() -> [JSONValue] {
    isCreated = true
    return numbered([state("response.created", "queued"), state("response.queued", "queued")])
  }

  mutating func append(_ piece: TextPiece, to index: Int) -> [JSONValue] {
    let opening = opening()
    return numbered(opening + choice.append(piece).flatMap { output.append($0) })
  }

  func isComplete(_ index: Int) -> Bool { choice.isComplete }

  mutating func finish(_ index: Int, _ reason: FinishReason, _ statistics: GenerationStatistics) -> [JSONValue] {
    var events = opening() + choice.finish(reason, statistics).flatMap { output.append($0) }
    completedAt = Int(Date().timeIntervalSince1970)
    guard [.stop, .length].contains(choice.finishReason) else {
      heldBack = events + output.close("incomplete")
      return []
    }
    events += output.close(status)
    return numbered(events + [state("response.\(status)", status)])
  }

  mutating func fail(_ error: APIError) -> [JSONValue]? {
    self.error = error
    let events = heldBack + opening() + output.close("incomplete") + [state("response.failed", "failed")]
    heldBack = []
    return numbered(events)
  }

  /// The events of a response that was cancelled; none of any other. There is no event for that alone.
  mutating func cancel() -> [JSONValue] {
    guard error == nil, choice.finishReason == .cancelled else { return [] }
    let events = heldBack + [state("response.incomplete", "cancelled")]
    heldBack = []
    return numbered(events)
  }

  /// `completed`, or `incomplete` where there was no room for more.
  private var status: String { choice.finishReason == .length ? "incomplete" : "completed" }

  var completion: JSONValue {
    if error != nil { return response("failed") }
    guard let reason = choice.finishReason else { return response("in_progress") }
    return response([.stop, .length].contains(reason) ? status : "cancelled")
  }

  /// The response before anything is generated.
  var queued: JSONValue { response("queued") }

  var usage: Usage {
    Usage(
      choice.statistics.map { [(prompt: 0, statistics: $0)] } ?? [], reasoningTokens: choice.reasoningTokens)
  }

  var transcripts: [ChoiceTranscript] { [choice.transcript] }

  func finishReason(of index: Int) -> FinishReason? { choice.finishReason }

  // MARK: JSON

  private mutating func numbered(_ events: [JSONObject]) -> [JSONValue] {
    events.map { event in
      var event = event
      event["sequence_number"] = .integer(sequence)
      sequence += 1
      return .object(event)
    }
  }

  private func state(_ type: String, _ status: String) -> JSONObject {
    ["type": .string(type), "response": response(status)]
  }

  private func response(_ status: String) -> JSONValue {
    let isOver = !["queued", "in_progress"].contains(status)
    var members: JSONObject = [
      "id": .string(head.id.text), "object": "response", "created_at": .integer(head.created),
      "completed_at": status == "completed" ? completedAt.map(JSONValue.integer) ?? .null : .null,
      "status": .string(status), "error": .null,
      "incomplete_details": status == "incomplete" ? ["reason": "max_output_tokens"] : .null,
      "model": .string(head.model), "output": .array(output.json), "usage": isOver ? usageJSON : .null,
    ]
    if let error {
      members["error"] = ["code": .string(error.code ?? "server_error"), "message": .string(error.message)]
    }
    members.merge(head.echo) { old, _ in old }
    if isOver { members["context_shift"] = head.contextShift?.json }
    return .object(members)
  }

  private var usageJSON: JSONValue {
    let usage = usage
    return [
      "input_tokens": .integer(usage.promptTokens),
      "input_tokens_details": ["cached_tokens": .integer(usage.cachedTokens)],
      "output_tokens": .integer(usage.completionTokens),
      "output_tokens_details": ["reasoning_tokens": .integer(usage.reasoningTokens)],
      "total_tokens": .integer(usage.promptTokens + usage.completionTokens),
    ]
  }
}
