import InferCore
import InferKit
import InferText

/// One choice of a chat completion while it is generated: splits text into reasoning, answer and calls of tools, ends the
/// answer at a stop string, and adds up what a response that is not streamed needs.
struct ChatChoice {
  /// The addition of a step to the choice.
  struct Delta: Equatable {
    var reasoning: String?
    var content: String?
    var toolCall: ChatToolCall.Delta?
    /// `nil` when there is nothing to add.
    var logprobs: ChatLogprobs.Delta?
  }

  /// All of the reasoning so far that is told apart; nil when there was none.
  private(set) var reasoning: String?
  /// All of the answer so far.
  private(set) var content = ""
  /// The calls so far.
  private(set) var toolCalls: [ChatToolCall] = []
  /// The number of calls that have come to their end.
  private(set) var completeCalls = 0
  /// Tokens of the reasoning, tags included.
  private(set) var reasoningTokens = 0
  private(set) var finishReason: FinishReason?
  private(set) var statistics: GenerationStatistics?
  /// The stop string that ended the answer.
  private(set) var stopString: String?

  /// Whether what was asked for is there: the only call that is allowed, or a stop string. What follows is not told.
  var isComplete: Bool { completeTokens != nil }

  private var parser: OutputParser
  private let options: Options
  private var stop: ContentStop
  private var ledger = TokenLedger()
  private var lists: ChatLogprobs?
  /// Tokens up to where the choice was complete.
  private var completeTokens: Int?
  /// Whether what came last is reasoning; nil before the first piece.
  private var isReasoning: Bool?
  /// The first token that is neither reasoning nor anything else yet.
  private var firstUndecided = 0

  /// The makeup of a choice, and how it is told.
  struct Options: Sendable {
    /// The conditions whose stop strings end the answer.
    var stop = StopConditions.standard
    /// Whether anything behind the first call is told.
    var allowsSeveralCalls = true
    /// The names of tools that take a text instead of arguments.
    var textTools: Set<ExactText> = []
    var reasoningPlace = ReasoningFields.Place.besideContent
    /// How log-probabilities are told; `nil` for not at all.
    var logprobs: LogprobsFormat?
    /// Names calls that the model gives no name.
    var makeCallID: @Sendable () -> String = { ToolCall.makeID(nil) }
  }

  /// A choice that has not begun; `parser` takes its text apart.
  init(_ parser: OutputParser, _ options: Options = Options()) {
    self.parser = parser
    self.options = options
    stop = ContentStop(options.stop)
    lists = options.logprobs.map(ChatLogprobs.init)
  }

  /// Takes the next piece of text and returns what there is to tell, in order.
  mutating func append(_ piece: TextPiece) -> [Delta] {
    if isComplete { return [] }
    ledger.add(piece)
    return deltas(parser.appendPlaced(piece.text))
  }

  /// Takes the end and returns what was held back.
  mutating func finish(_ reason: FinishReason, _ statistics: GenerationStatistics) -> [Delta] {
    var rest: [Delta] = []
    if !isComplete {
      rest = deltas(parser.finishPlaced())
      if !isComplete, let delta = content(stop.finish()) { rest.append(delta) }
      if isReasoning == true { reasoningTokens += ledger.count - firstUndecided }
    }
    finishReason = isComplete ? .stop : reason
    self.statistics = statistics
    if let completeTokens { self.statistics?.generatedTokens = completeTokens }
    lists?.close(ledger)
    if let delta = completed(Delta()) { rest.append(delta) }
    return rest
  }

  /// Why the choice ended, as the API says it. Calls are the reason if one is complete.
  var finishReasonName: String? {
    finishReason.map { $0 == .stop && completeCalls > 0 ? "tool_calls" : $0.rawValue }
  }

  /// The log-probabilities so far; nil when none were asked for.
  var logprobs: ChatLogprobs.Delta? { lists?.all }

  private mutating func deltas(_ pieces: [PlacedPiece]) -> [Delta] {
    var deltas: [Delta] = []
    for placed in pieces where !isComplete {
      lists?.closeUnlessGoingOn(at: placed.offset, ledger)
      decide(placed)
      deltas += self.deltas(placed)
      let offset = stop.offset ?? placed.offset
      ledger.forget(before: offset, token: min(ledger.number(at: offset), lists?.openNumber ?? .max))
    }
    return deltas
  }

  /// Counts tokens of the reasoning. What stands between reasoning and something else belongs to what came before.
  private mutating func decide(_ placed: PlacedPiece) {
    let isReasoning = if case .reasoning = placed.piece { true } else { false }
    if self.isReasoning == isReasoning { return }
    if self.isReasoning != nil {
      let first = max(ledger.number(at: placed.offset), firstUndecided)
      if !isReasoning { reasoningTokens += first - firstUndecided }
      firstUndecided = first
    }
    self.isReasoning = isReasoning
  }

  private mutating func deltas(_ placed: PlacedPiece) -> [Delta] {
    switch placed.piece {
    case .reasoning(let text):
      switch options.reasoningPlace {
      case .nowhere: return []
      case .inContent: return appendContent(text, at: placed.offset)
      case .besideContent:
        reasoning = reasoning ?? ""
        reasoning?.append(text)
        lists?.reasoning.add(text.utf8, at: placed.offset, ledger)
        return [completed(Delta(reasoning: text))].compactMap { $0 }
      }
    case .content(let text): return appendContent(text, at: placed.offset)
    case .call(let name, let id):
      let rest = content(stop.finish())
      let call = ChatToolCall(
        id: id ?? options.makeCallID(), name: name, takesText: options.textTools.contains(name))
      toolCalls.append(call)
      let head = Delta(toolCall: ChatToolCall.Delta(index: toolCalls.count - 1, head: call))
      return [rest, completed(head)].compactMap { $0 }
    case .arguments(let text):
      let index = toolCalls.count - 1
      toolCalls[index].arguments += text
      // The text is told when it is whole: until then it is written as JSON.
      if toolCalls[index].takesText { return [] }
      return [completed(Delta(toolCall: ChatToolCall.Delta(index: index, arguments: text)))].compactMap { $0 }
    case .callEnd:
      completeCalls += 1
      if !options.allowsSeveralCalls { completeTokens = ledger.count }
      guard let call = toolCalls.last, call.takesText else { return [] }
      let text = ChatToolCall.Delta(index: toolCalls.count - 1, isText: true, arguments: call.text)
      return [completed(Delta(toolCall: text))].compactMap { $0 }
    }
  }

  private mutating func appendContent(_ text: String, at offset: Int) -> [Delta] {
    let output = stop.append(text, at: offset, ledger)
    stopString = output.stopString ?? stopString
    if let end = output.end { completeTokens = ledger.number(at: end) + 1 }
    return [content(output)].compactMap { $0 }
  }

  private mutating func content(_ output: ContentStop.Output) -> Delta? {
    var rest = output.text.utf8[...]
    for (offset, count) in output.places {
      lists?.content.add(rest.prefix(count), at: offset, ledger)
      rest = rest.dropFirst(count)
    }
    content += output.text
    return completed(output.text.isEmpty ? Delta() : Delta(content: output.text))
  }

  /// The delta with the log-probabilities that are complete; nil when it says nothing.
  private mutating func completed(_ delta: Delta) -> Delta? {
    var delta = delta
    if let logprobs = lists?.take(), !logprobs.isEmpty { delta.logprobs = logprobs }
    return delta == Delta() ? nil : delta
  }
}
