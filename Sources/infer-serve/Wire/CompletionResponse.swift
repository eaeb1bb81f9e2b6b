import InferCore
import InferText

/// The responses of `POST /v1/completions`.
struct CompletionResponse: ResponseBuilder {
  private let head: ResponseHead
  private(set) var choices: [CompletionChoice]
  /// How many of the choices for each prompt are told.
  private let kept: Int
  private let isStreamed: Bool

  private static let kind = "text_completion"

  /// A response with choices that have not begun, prompt by prompt. The `kept` most likely ones for each prompt are
  /// told; all of them, when it is streamed.
  init(head: ResponseHead, choices: [CompletionChoice], keeping kept: Int = .max, isStreamed: Bool = false) {
    self.head = head
    self.choices = choices
    self.kept = kept
    self.isStreamed = isStreamed
  }

  mutating func append(_ scores: [PromptTokenScore], to index: Int) { choices[index].append(scores) }

  mutating func append(_ piece: TextPiece, to index: Int) -> [JSONValue] {
    choices[index].append(piece)
    return news(index)
  }

  mutating func finish(_ index: Int, _ reason: FinishReason, _ statistics: GenerationStatistics) -> [JSONValue] {
    choices[index].finish(reason, statistics)
    guard isStreamed else { return [] }
    // An echo that no text took along.
    let rest = news(index)
    let isLast = choices.allSatisfy { $0.finishReason != nil }
    let closing: JSONValue = .object(Self.choice(index, CompletionChoice.Delta(text: ""), reason))
    return rest + [head.event(Self.kind, closing, timings: isLast ? timings : nil)]
  }

  var completion: JSONValue {
    let elements = best.enumerated().map { index, choice in
      var members = Self.choice(index, choice.whole, choice.finishReason)
      members["prompt_logprobs"] = choice.promptLogprobsJSON
      return JSONValue.object(members)
    }
    return head.object(
      Self.kind, ["choices": .array(elements), "usage": usage.json, "timings": timings.json], isLast: true)
  }

  var usageEvent: JSONValue? { head.object(Self.kind, ["choices": .array([]), "usage": usage.json], isLast: true) }

  var usage: Usage {
    Usage(choices.compactMap { choice in choice.statistics.map { (prompt: choice.prompt, statistics: $0) } })
  }

  var transcripts: [ChoiceTranscript] { choices.map(\.transcript) }

  func finishReason(of index: Int) -> FinishReason? { choices[index].finishReason }

  private var timings: Timings { Timings(choices.compactMap(\.statistics)) }

  /// Of each prompt the choices that are told, the most likely first if some are not.
  private var best: [CompletionChoice] {
    let groups = Dictionary(grouping: choices, by: \.prompt).sorted { $0.key < $1.key }.map(\.value)
    return groups.flatMap { group in
      // Sorting keeps the order of equals.
      group.count > kept ? Array(group.sorted { $0.logprobSum > $1.logprobSum }.prefix(kept)) : group
    }
  }

  private mutating func news(_ index: Int) -> [JSONValue] {
    guard isStreamed, let delta = choices[index].take() else { return [] }
    return [head.event(Self.kind, .object(Self.choice(index, delta, nil)))]
  }

  private static func choice(
    _ index: Int, _ delta: CompletionChoice.Delta, _ reason: FinishReason?
  ) -> JSONObject {
    [
      "index": .integer(index), "text": .string(delta.text), "logprobs": delta.logprobs ?? .null,
      "finish_reason": reason.map { .string($0.rawValue) } ?? .null,
    ]
  }
}
