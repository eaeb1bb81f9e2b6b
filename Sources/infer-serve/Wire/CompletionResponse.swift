import InferCore

/// The responses of `POST /v1/completions`.
struct CompletionResponse: ResponseBuilder {
  private let head: ResponseHead
  private(set) var choices: [CompletionChoice]

  private static let kind = "text_completion"

  /// A response with choices that have not begun.
  init(head: ResponseHead, choices: [CompletionChoice]) {
    self.head = head
    self.choices = choices
  }

  mutating func append(_ piece: TextPiece, to index: Int) -> [JSONValue] {
    let delta = choices[index].append(piece)
    // A piece without text still has tokens to tell when log-probabilities are wanted.
    return delta.text.isEmpty && delta.logprobs == nil ? [] : [event(index, delta)]
  }

  mutating func finish(_ index: Int, _ reason: FinishReason, _ statistics: GenerationStatistics) -> [JSONValue] {
    // An echo that no text took along.
    let rest = choices[index].finish(reason, statistics).map { [event(index, $0)] } ?? []
    let isLast = choices.allSatisfy { $0.finishReason != nil }
    let closing = Self.choice(index, "", nil, reason)
    return rest + [head.event(Self.kind, closing, timings: isLast ? timings : nil)]
  }

  var completion: JSONValue {
    let elements = choices.enumerated().map { index, choice in
      Self.choice(index, choice.text, choice.logprobs, choice.finishReason)
    }
    return head.object(Self.kind, ["choices": .array(elements), "usage": usage.json, "timings": timings.json])
  }

  var usageEvent: JSONValue { head.object(Self.kind, ["choices": .array([]), "usage": usage.json]) }

  var usage: Usage {
    Usage(choices.compactMap { choice in choice.statistics.map { (prompt: choice.prompt, statistics: $0) } })
  }

  func finishReason(of index: Int) -> FinishReason? { choices[index].finishReason }

  private var timings: Timings { Timings(choices.compactMap(\.statistics)) }

  private func event(_ index: Int, _ delta: CompletionChoice.Delta) -> JSONValue {
    head.event(Self.kind, Self.choice(index, delta.text, delta.logprobs, nil))
  }

  private static func choice(
    _ index: Int, _ text: String, _ logprobs: JSONValue?, _ reason: FinishReason?
  ) -> JSONValue {
    .object([
      "index": .integer(index), "text": .string(text), "logprobs": logprobs ?? .null,
      "finish_reason": reason.map { .string($0.rawValue) } ?? .null,
    ])
  }
}
