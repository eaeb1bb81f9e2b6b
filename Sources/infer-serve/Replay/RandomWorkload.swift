/// Prompts of random words, as in the data set `random` of `vllm bench serve`.
struct RandomWorkload: Sendable {
  var requests = 100
  /// Tokens of a prompt behind the shared prefix.
  var inputTokens = 1024
  var outputTokens = 128
  /// Tokens that all prompts begin with.
  var prefixTokens = 0
  /// How far lengths vary, as a share of themselves: 0.25 for 75 % to 125 %.
  var rangeRatio = 0.0
  var seed: UInt64 = 0

  /// One session a request, all at time 0.
  var sessions: [ReplaySession] {
    var random = SplitMix64(seed: seed, stream: 0x6C65_6E67)
    return (0..<requests).map { index in
      let input = varied(inputTokens, &random)
      let output = varied(outputTokens, &random)
      var pieces = [PromptPiece.unique(index, tokens: input)]
      if prefixTokens > 0 { pieces.insert(.shared(0, tokens: prefixTokens), at: 0) }
      return ReplaySession(arrival: 0, turns: [ReplayTurn(prompt: .pieces(pieces), output: .tokens(output))])
    }
  }

  private func varied(_ tokens: Int, _ random: inout SplitMix64) -> Int {
    let spread = Int(Double(tokens) * rangeRatio)
    return max(1, Int.random(in: tokens - spread...tokens + spread, using: &random))
  }
}
