/// A request of a recording of lengths and times.
struct RecordedRequest: Sendable, Equatable {
  /// In seconds of the recording's clock.
  var time: Double
  var inputTokens: Int
  var outputTokens: Int
  /// Numbers of the prompt's blocks, where the recording tells which prompts share theirs; otherwise none.
  var blocks: [Int] = []
}

/// Makes sessions of recorded requests.
struct RecordedWorkload: Sendable {
  /// Tokens of a whole block.
  var blockTokens = 512
  /// How much faster requests arrive than they did.
  var rateScale = 1.0
  /// How much longer prompts and answers are than they were.
  var lengthScale = 1.0

  /// One session a request, in the order of their times; the first arrives at 0.
  func sessions(_ requests: [RecordedRequest]) -> [ReplaySession] {
    let ordered = requests.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
    let first = ordered.first?.element.time ?? 0
    return ordered.map { index, request in
      ReplaySession(
        arrival: (request.time - first) / rateScale,
        turns: [
          ReplayTurn(
            prompt: .pieces(pieces(request, index: index)),
            output: .tokens(scaledLength(request.outputTokens, by: lengthScale)))
        ])
    }
  }

  /// The prompt's blocks, the last of them as long as it takes; what no block covers is the request's own.
  private func pieces(_ request: RecordedRequest, index: Int) -> [PromptPiece] {
    let block = scaledLength(blockTokens, by: lengthScale)
    var left = scaledLength(request.inputTokens, by: lengthScale)
    var pieces: [PromptPiece] = []
    for number in request.blocks where left > 0 {
      pieces.append(.shared(number, tokens: min(block, left)))
      left -= min(block, left)
    }
    if left > 0 { pieces.append(.unique(index, tokens: left)) }
    return pieces
  }
}
