import InferCore
import InferKit
import InferText

/// One choice of a chat completion while it is generated: tells what a ``ChatReader`` reads, and adds up what a response that
/// is not streamed needs.
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
  private var callTimes: [(start: ContinuousClock.Instant, end: ContinuousClock.Instant?)] = []
  /// The calls that have come to their end.
  var completeCalls: [ChatToolCall] { toolCalls.filter(\.isComplete) }
  private(set) var finishReason: FinishReason?
  private(set) var statistics: GenerationStatistics?

  /// Tokens of the reasoning, tags included.
  var reasoningTokens: Int { reader.reasoningTokens }
  /// The stop string that ended the answer.
  var stopString: String? { reader.stopString }
  /// Whether what was asked for is there: the only call that is allowed, or a stop string. What follows is not told.
  ///
  /// Kept here: asked of the reader, it would have all of that copied.
  private(set) var isComplete = false

  private var reader: ChatReader
  private let options: Options
  private var lists: ChatLogprobs?

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
    reader = ChatReader(
      parser, stop: options.stop, allowsSeveralCalls: options.allowsSeveralCalls,
      isReasoningContent: options.reasoningPlace == .inContent)
    self.options = options
    lists = options.logprobs.map(ChatLogprobs.init)
  }

  /// Takes the next piece of text and returns what there is to tell, in order.
  mutating func append(_ piece: TextPiece) -> [Delta] {
    defer { isComplete = reader.isComplete }
    return reader.append(piece, keeping: lists?.openNumber).compactMap { delta($0) }
  }

  /// Takes the end and returns what was held back.
  mutating func finish(_ reason: FinishReason, _ statistics: GenerationStatistics) -> [Delta] {
    defer { isComplete = reader.isComplete }
    var rest = reader.finish().compactMap { delta($0) }
    (finishReason, self.statistics) = reader.end(reason, statistics)
    lists?.close(reader.ledger)
    if let delta = completed(Delta()) { rest.append(delta) }
    return rest
  }

  /// Why the choice ended, as the API says it. Calls are the reason if one is complete.
  var finishReasonName: String? {
    finishReason.map { $0 == .stop && toolCalls.contains(where: \.isComplete) ? "tool_calls" : $0.rawValue }
  }

  /// The choice so far.
  var transcript: ChoiceTranscript {
    ChoiceTranscript(
      reasoning: reasoning, content: content, toolCalls: toolCalls, callTimes: callTimes,
      finishReason: finishReasonName)
  }

  /// The log-probabilities so far; nil when none were asked for.
  var logprobs: ChatLogprobs.Delta? { lists?.all }

  private mutating func delta(_ part: ChatReader.Part) -> Delta? {
    if let start = part.start { lists?.closeUnlessGoingOn(at: start, reader.ledger) }
    switch part.piece {
    case .reasoning(let text):
      guard options.reasoningPlace == .besideContent else { return nil }
      if reasoning?.append(text) == nil { reasoning = text }
      lists?.reasoning.add(text, at: part.places, reader.ledger)
      return completed(Delta(reasoning: text))
    case .content(let text):
      content += text
      lists?.content.add(text, at: part.places, reader.ledger)
      return completed(Delta(content: text.isEmpty ? nil : text))
    case .call(let name, let id):
      let call = ChatToolCall(
        id: id ?? options.makeCallID(), name: name, takesText: options.textTools.contains(name))
      toolCalls.append(call)
      callTimes.append((.now, nil))
      return completed(Delta(toolCall: ChatToolCall.Delta(index: toolCalls.count - 1, head: call)))
    case .arguments(let text):
      let index = toolCalls.count - 1
      toolCalls[index].arguments += text
      // The text is told when it is whole: until then it is written as JSON.
      if toolCalls[index].takesText { return nil }
      return completed(Delta(toolCall: ChatToolCall.Delta(index: index, arguments: text)))
    case .callEnd:
      let index = toolCalls.count - 1
      toolCalls[index].isComplete = true
      callTimes[index].end = .now
      guard toolCalls[index].takesText else { return nil }
      return completed(
        Delta(toolCall: ChatToolCall.Delta(index: index, isText: true, arguments: toolCalls[index].text)))
    }
  }

  /// The delta with the log-probabilities that are complete; nil when it says nothing.
  private mutating func completed(_ delta: Delta) -> Delta? {
    var delta = delta
    if let logprobs = lists?.take(), !logprobs.isEmpty { delta.logprobs = logprobs }
    return delta == Delta() ? nil : delta
  }
}
