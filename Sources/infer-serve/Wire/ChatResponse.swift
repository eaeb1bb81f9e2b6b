import InferCore
import InferText

/// The responses of `POST /v1/chat/completions`.
struct ChatResponse: ResponseBuilder {
  private let head: ResponseHead
  private(set) var choices: [ChatChoice]
  private var isOpen: [Bool]
  private var promptLogprobs: PromptLogprobs?
  /// Whether a call is told as `function_call`, as the older API has it.
  private let callsFunctions: Bool

  private static let eventKind = "chat.completion.chunk"

  /// A response with `count` choices like `choice`, which has not begun, and scores of the prompt if they are wanted.
  init(
    head: ResponseHead, count: Int, choice: ChatChoice, promptLogprobs: PromptLogprobs? = nil,
    callsFunctions: Bool = false
  ) {
    self.head = head
    self.callsFunctions = callsFunctions
    self.promptLogprobs = promptLogprobs
    choices = Array(repeating: choice, count: count)
    isOpen = Array(repeating: false, count: count)
  }

  /// Of all choices for the prompt, the first one scores it.
  mutating func append(_ scores: [PromptTokenScore], to index: Int) {
    if index == 0 { promptLogprobs?.append(scores) }
  }

  mutating func append(_ piece: TextPiece, to index: Int) -> [JSONValue] {
    opening(index) + choices[index].append(piece).map { event(index, $0) }
  }

  func isComplete(_ index: Int) -> Bool { choices[index].isComplete }

  mutating func finish(_ index: Int, _ reason: FinishReason, _ statistics: GenerationStatistics) -> [JSONValue] {
    let rest = choices[index].finish(reason, statistics).map { event(index, $0) }
    let isLast = choices.allSatisfy { $0.finishReason != nil }
    let closing = event(index, delta: [:], finishReason: reasonJSON(choices[index]), timings: isLast ? timings : nil)
    return opening(index) + rest + [closing]
  }

  var completion: JSONValue {
    let elements = choices.enumerated().map { index, choice in
      JSONValue.object([
        "index": .integer(index), "message": message(choice), "logprobs": choice.logprobs?.json ?? .null,
        "finish_reason": reasonJSON(choice),
      ])
    }
    var members: JSONObject = ["choices": .array(elements), "usage": usage.json, "timings": timings.json]
    members["prompt_logprobs"] = promptLogprobs?.json
    return head.object("chat.completion", members, isLast: true)
  }

  var usageEvent: JSONValue? {
    head.object(Self.eventKind, ["choices": .array([]), "usage": usage.json], isLast: true)
  }

  var usage: Usage {
    Usage(
      choices.compactMap { choice in choice.statistics.map { (prompt: 0, statistics: $0) } },
      reasoningTokens: choices.reduce(0) { $0 + $1.reasoningTokens })
  }

  var transcripts: [ChoiceTranscript] { choices.map(\.transcript) }

  func finishReason(of index: Int) -> FinishReason? { choices[index].finishReason }

  private var timings: Timings { Timings(choices.compactMap(\.statistics)) }

  private func reasonJSON(_ choice: ChatChoice) -> JSONValue {
    guard let name = choice.finishReasonName else { return .null }
    return .string(callsFunctions && name == "tool_calls" ? "function_call" : name)
  }

  private func message(_ choice: ChatChoice) -> JSONValue {
    var members: JSONObject = ["role": "assistant"]
    members["reasoning_content"] = choice.reasoning.map(JSONValue.string)
    members["content"] = choice.content.isEmpty && !choice.toolCalls.isEmpty ? .null : .string(choice.content)
    if callsFunctions {
      members["function_call"] = choice.toolCalls.first?.functionJSON
    } else if !choice.toolCalls.isEmpty {
      members["tool_calls"] = .array(choice.toolCalls.map(\.json))
    }
    members["refusal"] = .null
    return .object(members)
  }

  /// A choice's first event tells its role. It waits for the first token, so that clients who take the time to the
  /// first event for the time to the first token are right.
  private mutating func opening(_ index: Int) -> [JSONValue] {
    if isOpen[index] { return [] }
    isOpen[index] = true
    return [event(index, delta: ["role": "assistant", "content": ""])]
  }

  private func event(_ index: Int, _ delta: ChatChoice.Delta) -> JSONValue {
    var members: JSONObject = [:]
    members["reasoning_content"] = delta.reasoning.map(JSONValue.string)
    members["content"] = delta.content.map(JSONValue.string)
    if callsFunctions {
      members["function_call"] = delta.toolCall?.functionJSON
    } else {
      members["tool_calls"] = delta.toolCall.map { .array([$0.json]) }
    }
    return event(index, delta: members, logprobs: delta.logprobs?.json ?? .null)
  }

  private func event(
    _ index: Int, delta: JSONObject, logprobs: JSONValue = .null,
    finishReason: JSONValue = .null, timings: Timings? = nil
  ) -> JSONValue {
    let choice: JSONValue = .object([
      "index": .integer(index), "delta": .object(delta), "logprobs": logprobs, "finish_reason": finishReason,
    ])
    return head.event(Self.eventKind, choice, timings: timings)
  }
}
