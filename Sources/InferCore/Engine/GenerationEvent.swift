/// An event of a ``Generation``: tokens, then one end.
public enum GenerationEvent: Sendable {
  /// Scores of the next tokens of the prompt, from its second token on. Comes before all tokens, and only when the
  /// request has ``GenerationRequest/promptLogprobs``.
  case promptScores([PromptTokenScore])
  /// The pooled hidden states of the prompt, for a request with ``GenerationRequest/pooling``.
  case pooled([Float])
  /// The next token.
  case token(GeneratedToken)
  /// The end; nothing follows.
  case finished(FinishReason, GenerationStatistics)
}

/// The cost of one request, for `usage` and `timings`.
public struct GenerationStatistics: Sendable, Equatable {
  /// The number of the prompt's tokens.
  public var promptTokens: Int
  /// The number of generated tokens, a stop token included.
  public var generatedTokens = 0
  /// The number of prompt tokens whose state was found instead of computed.
  public var cachedTokens = 0
  /// The number of times that the request lost its memory to one before it and was computed again.
  public var preemptions = 0
  /// From submission to the first step that computed a part of it.
  public var queueTime = Duration.zero
  /// From that step's start to the first token, or to the prompt's end when no token was asked for; zero when neither
  /// came.
  public var prefillTime = Duration.zero
  /// From the first token to the last.
  public var decodeTime = Duration.zero
  /// From submission to the first token; `nil` when there was none.
  public var timeToFirstToken: Duration?
  /// From submission to the end.
  public var totalTime = Duration.zero

  /// Statistics of a request that has not started.
  public init(promptTokens: Int) { self.promptTokens = promptTokens }
}
