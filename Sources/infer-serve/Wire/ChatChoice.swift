import InferCore

/// One choice of a chat completion while it is generated: splits text into reasoning and answer, and adds up what a
/// response that is not streamed needs.
struct ChatChoice {
  /// What a step of the choice adds to it.
  struct Delta: Equatable {
    var reasoning: String?
    var content: String?
    /// Elements of `logprobs.content`; nil when none were asked for.
    var logprobs: [JSONValue]?
  }

  /// All of the reasoning so far; nil when there was none.
  private(set) var reasoning: String?
  /// All of the answer so far.
  private(set) var content = ""
  /// Elements of `logprobs.content` so far; nil when none were asked for.
  private(set) var logprobs: [JSONValue]?
  /// Tokens of the reasoning, tags included.
  private(set) var reasoningTokens = 0
  private(set) var finishReason: FinishReason?
  private(set) var statistics: GenerationStatistics?

  private var parser: ReasoningParser
  /// Tokens that came since the last text that was told apart.
  private var undecided = 0
  /// Log-probabilities of tokens that have not been in a delta, because their text was held back.
  private var pending: [JSONValue] = []
  private let format: LogprobsFormat?

  /// A choice of an answer to `prompt`, the rendered template, with log-probabilities if there is a `format`.
  init(prompt: String, format: LogprobsFormat?) {
    parser = ReasoningParser(prompt: prompt)
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
    if reasoning != nil, content.isEmpty { reasoningTokens += undecided }
    if !pending.isEmpty {
      rest.append(Delta(logprobs: pending))
      pending = []
    }
    return rest
  }

  private mutating func deltas(_ pieces: [ReasoningParser.Piece]) -> [Delta] {
    var deltas: [Delta] = []
    for piece in pieces {
      var delta = Delta()
      switch piece {
      case .reasoning(let text):
        reasoning = (reasoning ?? "") + text
        reasoningTokens += undecided
        delta.reasoning = text
      case .content(let text):
        // What came with the first text of the answer is taken for the end tag.
        if content.isEmpty, reasoning != nil, undecided > 1 { reasoningTokens += undecided - 1 }
        content += text
        delta.content = text
      }
      undecided = 0
      if format != nil {
        delta.logprobs = pending
        pending = []
      }
      deltas.append(delta)
    }
    return deltas
  }
}
