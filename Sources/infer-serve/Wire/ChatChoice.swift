import InferCore

/// One choice of a chat completion while it is generated: splits text into reasoning, answer and calls of tools, and
/// adds up what a response that is not streamed needs.
struct ChatChoice {
  /// What a step of the choice adds to it.
  struct Delta: Equatable {
    var reasoning: String?
    var content: String?
    var toolCall: ChatToolCall.Delta?
    /// Elements of `logprobs.content`; nil when none were asked for.
    var logprobs: [JSONValue]?
  }

  /// All of the reasoning so far; nil when there was none.
  private(set) var reasoning: String?
  /// All of the answer so far.
  private(set) var content = ""
  /// The calls so far.
  private(set) var toolCalls: [ChatToolCall] = []
  /// Elements of `logprobs.content` so far; nil when none were asked for.
  private(set) var logprobs: [JSONValue]?
  /// Tokens of the reasoning, tags included.
  private(set) var reasoningTokens = 0
  private(set) var finishReason: FinishReason?
  private(set) var statistics: GenerationStatistics?

  /// Whether the only call that is allowed is complete: what follows is not told.
  private(set) var isComplete = false

  private var parser: OutputParser
  /// What the prompt holds of the answer and the parser has not been given.
  private var opening: String
  private let allowsSeveralCalls: Bool
  private let makeCallID: @Sendable () -> String
  /// Calls that have come to their end.
  private var completeCalls = 0
  /// Tokens so far.
  private var tokens = 0
  /// Tokens that came since the last text that was told apart.
  private var undecided = 0
  /// Log-probabilities of tokens that have not been in a delta, because their text was held back.
  private var pending: [JSONValue] = []
  private let format: LogprobsFormat?

  /// - Parameters:
  ///   - parser: Takes the text apart.
  ///   - opening: What the prompt holds of the answer.
  ///   - allowsSeveralCalls: Whether anything behind the first call is told.
  ///   - format: How log-probabilities are told; `nil` for not at all.
  ///   - makeCallID: Names calls that the model gives no name.
  init(
    _ parser: OutputParser, opening: String = "", allowsSeveralCalls: Bool = true, format: LogprobsFormat? = nil,
    makeCallID: @escaping @Sendable () -> String = { Identifier.makeCall(nil) }
  ) {
    self.parser = parser
    self.opening = opening
    self.allowsSeveralCalls = allowsSeveralCalls
    self.format = format
    self.makeCallID = makeCallID
    logprobs = format == nil ? nil : []
  }

  /// Takes the next piece of text and returns what there is to tell, in order.
  mutating func append(_ piece: TextPiece) -> [Delta] {
    if isComplete { return [] }
    tokens += piece.tokens.count
    undecided += piece.tokens.count
    if let format {
      let elements = format.chat(piece.tokens.filter { !$0.isStop })
      logprobs?.append(contentsOf: elements)
      pending.append(contentsOf: elements)
    }
    defer { opening = "" }
    return deltas(parser.append(opening + piece.text))
  }

  /// Takes the end and returns what was held back.
  mutating func finish(_ reason: FinishReason, _ statistics: GenerationStatistics) -> [Delta] {
    finishReason = isComplete ? .stop : reason
    self.statistics = statistics
    if isComplete { self.statistics?.generatedTokens = tokens }
    var rest = isComplete ? [] : deltas(parser.append(opening) + parser.finish())
    if reasoning != nil, content.isEmpty, toolCalls.isEmpty { reasoningTokens += undecided }
    if !pending.isEmpty {
      rest.append(Delta(logprobs: pending))
      pending = []
    }
    return rest
  }

  /// Why the choice ended, as the API says it. Calls are the reason if one is complete.
  var finishReasonName: String? {
    finishReason.map { $0 == .stop && completeCalls > 0 ? "tool_calls" : $0.rawValue }
  }

  private mutating func deltas(_ pieces: [OutputPiece]) -> [Delta] {
    var deltas: [Delta] = []
    for piece in pieces where !isComplete {
      guard var delta = delta(piece) else { continue }
      undecided = 0
      if format != nil {
        delta.logprobs = pending
        pending = []
      }
      deltas.append(delta)
    }
    return deltas
  }

  private mutating func delta(_ piece: OutputPiece) -> Delta? {
    switch piece {
    case .reasoning(let text):
      reasoning = (reasoning ?? "") + text
      reasoningTokens += undecided
      return Delta(reasoning: text)
    case .content(let text):
      endReasoning()
      content += text
      return Delta(content: text)
    case .call(let name, let id):
      endReasoning()
      let call = ChatToolCall(id: id ?? makeCallID(), name: name)
      toolCalls.append(call)
      return Delta(toolCall: ChatToolCall.Delta(index: toolCalls.count - 1, head: call))
    case .arguments(let text):
      let index = toolCalls.count - 1
      toolCalls[index].arguments += text
      return Delta(toolCall: ChatToolCall.Delta(index: index, arguments: text))
    case .callEnd:
      completeCalls += 1
      isComplete = !allowsSeveralCalls
      return nil
    }
  }

  /// What came with the first text behind the reasoning is taken for the end tag.
  private mutating func endReasoning() {
    if content.isEmpty, toolCalls.isEmpty, reasoning != nil, undecided > 1 { reasoningTokens += undecided - 1 }
  }
}
