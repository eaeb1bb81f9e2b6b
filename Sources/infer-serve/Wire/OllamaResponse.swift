import Foundation
import InferCore
import InferText

/// The responses of Ollama's `POST /api/chat` and `POST /api/generate`: lines with the next part of the answer each, or
/// one object.
struct OllamaResponse: ResponseBuilder {
  static let framing = StreamFraming.lines

  /// The members that an answer's text is in.
  enum Form: Sendable {
    /// `message`, with a role, `content`, `thinking` and `tool_calls`.
    case chat
    /// `response` and `thinking`.
    case generate
  }

  private let form: Form
  private let model: String
  private let contextShift: ContextShift?
  /// Why the answer is over where nothing is generated.
  private let idleReason: String
  private var choice: ChatChoice
  /// The number of calls that have been told.
  private var toldCalls = 0

  /// A response whose choice has not begun. As long as it has not, the whole response says that the model is loaded.
  ///
  /// - Parameter unloads: Whether it says that the model goes.
  init(
    _ form: Form, model: String, choice: ChatChoice, contextShift: ContextShift? = nil, unloads: Bool = false
  ) {
    idleReason = unloads ? "unload" : "load"
    self.form = form
    self.model = model
    self.choice = choice
    self.contextShift = contextShift
  }

  mutating func append(_ piece: TextPiece, to index: Int) -> [JSONValue] { lines(choice.append(piece)) }

  func isComplete(_ index: Int) -> Bool { choice.isComplete }

  mutating func finish(_ index: Int, _ reason: FinishReason, _ statistics: GenerationStatistics) -> [JSONValue] {
    lines(choice.finish(reason, statistics)) + [object(Part(), ending)]
  }

  var completion: JSONValue {
    object(
      Part(
        content: choice.content, thinking: choice.reasoning,
        calls: Self.json(choice.completeCalls[...], from: 0), logprobs: Self.json(choice.logprobs)),
      ending)
  }

  var usage: Usage {
    Usage(choice.statistics.map { [(prompt: 0, statistics: $0)] } ?? [], reasoningTokens: choice.reasoningTokens)
  }

  var transcripts: [ChoiceTranscript] { [choice.transcript] }

  func finishReason(of index: Int) -> FinishReason? { choice.finishReason }

  // MARK: Parts of the answer

  private struct Part {
    var content = ""
    var thinking: String?
    var calls: [JSONValue] = []
    var logprobs: [JSONValue] = []
  }

  /// A line for each part, and one for the calls that have become complete: their arguments are objects.
  private mutating func lines(_ deltas: [ChatChoice.Delta]) -> [JSONValue] {
    var parts: [Part] = []
    for delta in deltas {
      let logprobs = Self.json(delta.logprobs)
      if delta.content == nil, delta.reasoning == nil, logprobs.isEmpty { continue }
      parts.append(Part(content: delta.content ?? "", thinking: delta.reasoning, logprobs: logprobs))
    }
    let calls = choice.completeCalls
    if calls.count > toldCalls {
      parts.append(Part(calls: Self.json(calls[toldCalls...], from: toldCalls)))
      toldCalls = calls.count
    }
    return parts.map { object($0, ["done": false]) }
  }

  private static func json(_ calls: ArraySlice<ChatToolCall>, from first: Int) -> [JSONValue] {
    calls.enumerated().map { index, call in
      [
        "id": .string(call.id),
        "function": [
          "index": .integer(first + index), "name": .string(call.name), "arguments": call.argumentsObject,
        ],
      ]
    }
  }

  private static func json(_ logprobs: ChatLogprobs.Delta?) -> [JSONValue] {
    logprobs.map { $0.reasoning + $0.content } ?? []
  }

  // MARK: Objects

  private func object(_ part: Part, _ rest: JSONObject) -> JSONValue {
    var members: JSONObject = ["model": .string(model), "created_at": .string(OllamaTime.text(.now))]
    switch form {
    case .chat:
      var message: JSONObject = ["role": "assistant", "content": .string(part.content)]
      message["thinking"] = part.thinking.map(JSONValue.string)
      if !part.calls.isEmpty { message["tool_calls"] = .array(part.calls) }
      members["message"] = .object(message)
    case .generate:
      members["response"] = .string(part.content)
      members["thinking"] = part.thinking.map(JSONValue.string)
    }
    if !part.logprobs.isEmpty { members["logprobs"] = .array(part.logprobs) }
    members.merge(rest)
    return .object(members)
  }

  /// The last members, which tell why the answer ended and what it cost.
  private var ending: JSONObject {
    guard let reason = choice.finishReason, let statistics = choice.statistics else {
      return ["done": true, "done_reason": .string(idleReason)]
    }
    var members: JSONObject = [
      "done": true, "done_reason": .string(reason.rawValue),
      "total_duration": OllamaTime.nanoseconds(statistics.totalTime),
      "load_duration": OllamaTime.nanoseconds(statistics.queueTime),
      "prompt_eval_count": .integer(statistics.promptTokens),
      "prompt_eval_duration": OllamaTime.nanoseconds(statistics.prefillTime),
      "eval_count": .integer(statistics.generatedTokens),
      "eval_duration": OllamaTime.nanoseconds(statistics.decodeTime),
    ]
    members["context_shift"] = contextShift?.json
    return members
  }
}

/// Times as Ollama writes them.
enum OllamaTime {
  /// A moment as RFC 3339 has it.
  static func text(_ date: Date) -> String { date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }

  /// A duration in nanoseconds.
  static func nanoseconds(_ duration: Duration) -> JSONValue { .integer(Int(duration / .nanoseconds(1))) }
}
