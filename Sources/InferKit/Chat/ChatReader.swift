/// Reads an answer while it is generated: takes its text apart into reasoning, content and calls of tools, and ends it at a
/// stop string in the content, or behind the only call that it may have.
package struct ChatReader: Sendable {
  /// A part of an answer, and where it stands.
  package struct Part: Sendable {
    /// The part itself. Several content parts may follow each other, and empty ones are among them.
    package let piece: OutputPiece
    /// The places of the bytes of reasoning and content in the answer's text.
    package var places: [(offset: Int, count: Int)] = []
    /// The number of bytes before what the part was read from; `nil` where the part before was read from the same.
    package var start: Int?
  }

  /// The tokens so far.
  package private(set) var ledger = TokenLedger()
  /// Tokens of the reasoning, tags included.
  package private(set) var reasoningTokens = 0
  /// The stop string that ended the answer.
  package private(set) var stopString: String?

  /// `true` when what was asked for is there: a stop string, or the only call that is allowed. What follows is not read.
  package var isComplete: Bool { completeTokens != nil }

  private var parser: OutputParser
  private var stop: ContentStop
  private let allowsSeveralCalls: Bool
  private let isReasoningContent: Bool
  /// Tokens up to where the answer was complete.
  private var completeTokens: Int?
  /// `true` when what came last is reasoning; `nil` before the first piece.
  private var isReasoning: Bool?
  /// The first token that is neither reasoning nor anything else yet.
  private var firstUndecided = 0
  /// The place of what was read last; `nil` when nothing was since tokens were forgotten.
  private var lastOffset: Int?

  /// A reader of an answer that has not begun.
  ///
  /// - Parameters:
  ///   - parser: Takes the text apart.
  ///   - stop: The conditions whose stop strings end the answer.
  ///   - allowsSeveralCalls: `true` when anything behind the first call is read.
  ///   - isReasoningContent: `true` when reasoning is read as content.
  package init(
    _ parser: OutputParser, stop: StopConditions = .standard, allowsSeveralCalls: Bool = true,
    isReasoningContent: Bool = false
  ) {
    self.parser = parser
    self.stop = ContentStop(stop)
    self.allowsSeveralCalls = allowsSeveralCalls
    self.isReasoningContent = isReasoningContent
  }

  /// Reads the next piece of text and returns what is certain by now, in order.
  ///
  /// - Parameter token: The first token that ``ledger`` is still asked for; `nil` for those of this piece alone.
  package mutating func append(_ piece: TextPiece, keeping token: Int? = nil) -> [Part] {
    if isComplete { return [] }
    // Tokens whose text is still to come are none of those before what was read.
    if let last = lastOffset.take() {
      let offset = stop.offset ?? last
      ledger.forget(before: offset, token: min(ledger.number(at: offset), token ?? .max))
    }
    ledger.add(piece)
    return parts(parser.appendPlaced(piece.text))
  }

  /// Reads the end and returns what was held back.
  package mutating func finish() -> [Part] {
    if isComplete { return [] }
    var rest = parts(parser.finishPlaced())
    if !isComplete { rest.append(content(stop.finish())) }
    if isReasoning == true { reasoningTokens += ledger.count - firstUndecided }
    return rest
  }

  /// The end of the answer as it counts: an answer that is complete has stopped there, whatever came behind.
  package func end(
    _ reason: FinishReason, _ statistics: GenerationStatistics
  ) -> (reason: FinishReason, statistics: GenerationStatistics) {
    guard let completeTokens else { return (reason, statistics) }
    var statistics = statistics
    statistics.generatedTokens = completeTokens
    return (.stop, statistics)
  }

  private mutating func parts(_ pieces: [PlacedPiece]) -> [Part] {
    var parts: [Part] = []
    for placed in pieces where !isComplete {
      decide(placed)
      var next = self.parts(placed)
      next[0].start = placed.offset
      parts += next
      lastOffset = placed.offset
    }
    return parts
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

  /// The parts that a piece is, at least one.
  private mutating func parts(_ placed: PlacedPiece) -> [Part] {
    switch placed.piece {
    case .reasoning(let text) where !isReasoningContent:
      return [Part(piece: placed.piece, places: [(placed.offset, text.utf8.count)])]
    case .reasoning(let text), .content(let text):
      return [content(stop.append(text, at: placed.offset, ledger))]
    case .call: return [content(stop.finish()), Part(piece: placed.piece)]
    case .arguments: return [Part(piece: placed.piece)]
    case .callEnd:
      if !allowsSeveralCalls { completeTokens = ledger.count }
      return [Part(piece: placed.piece)]
    }
  }

  private mutating func content(_ output: ContentStop.Output) -> Part {
    stopString = output.stopString ?? stopString
    if let end = output.end { completeTokens = ledger.number(at: end) + 1 }
    return Part(piece: .content(output.text), places: output.places)
  }
}
