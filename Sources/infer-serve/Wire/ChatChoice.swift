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

  private var parser: OutputParser
  private let allowsSeveralCalls: Bool
  /// Whether the call being read is one too many.
  private var isDroppingCall = false
  /// Tokens that came since the last text that was told apart.
  private var undecided = 0
  /// Log-probabilities of tokens that have not been in a delta, because their text was held back.
  private var pending: [JSONValue] = []
  private let format: LogprobsFormat?

  /// - Parameters:
  ///   - parser: Takes the text apart.
  ///   - allowsSeveralCalls: Whether calls behind the first are told.
  ///   - format: How log-probabilities are told; `nil` for not at all.
  init(_ parser: OutputParser, allowsSeveralCalls: Bool = true, format: LogprobsFormat? = nil) {
    self.parser = parser
    self.allowsSeveralCalls = allowsSeveralCalls
    self.format = format
    logprobs = format == nil ? nil : []
  }

  /// Takes the next piece of text and returns what there is to tell, in order.
  mutating func append(_ piece: TextPiece) -> [Delta] {
    undecided += piece.tokens.count
    if let format {
      let elements = format.chat(piece.tokens.filter { !$0.isStop })
      logprobs?.append(contentsOf: elements)
      pending.append(contentsOf: elements)
    }
    return deltas(parser.append(piece.text))
  }

  /// Takes the end and returns what was held back.
  mutating func finish(_ reason: FinishReason, _ statistics: GenerationStatistics) -> [Delta] {
    finishReason = reason
    self.statistics = statistics
    var rest = deltas(parser.finish())
    if reasoning != nil, content.isEmpty, toolCalls.isEmpty { reasoningTokens += undecided }
    if !pending.isEmpty {
      rest.append(Delta(logprobs: pending))
      pending = []
    }
    return rest
  }

  /// Why the choice ended, as the API says it.
  var finishReasonName: String? {
    finishReason.map { $0 == .stop && !toolCalls.isEmpty ? "tool_calls" : $0.rawValue }
  }

  private mutating func deltas(_ pieces: [OutputPiece]) -> [Delta] {
    var deltas: [Delta] = []
    for piece in pieces {
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
      isDroppingCall = !allowsSeveralCalls && !toolCalls.isEmpty
      if isDroppingCall { return nil }
      let call = ChatToolCall(id: id ?? Identifier.make("call", separator: "_"), name: name)
      toolCalls.append(call)
      return Delta(toolCall: ChatToolCall.Delta(index: toolCalls.count - 1, head: call))
    case .arguments(let text):
      if isDroppingCall { return nil }
      let index = toolCalls.count - 1
      toolCalls[index].arguments += text
      return Delta(toolCall: ChatToolCall.Delta(index: index, arguments: text))
    }
  }

  /// What came with the first text behind the reasoning is taken for the end tag.
  private mutating func endReasoning() {
    if content.isEmpty, toolCalls.isEmpty, reasoning != nil, undecided > 1 { reasoningTokens += undecided - 1 }
  }
}
