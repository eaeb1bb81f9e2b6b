/// An event of a ``Generation``: tokens, then one end.
public enum GenerationEvent: Sendable {
  /// Scores of the next tokens of the prompt, from its second token on. Comes before all tokens, and only when the
  /// request has ``GenerationRequest/promptLogprobs``.
  case promptScores([PromptTokenScore])
  /// The next token.
  case token(GeneratedToken)
  /// The end; nothing follows.
  case finished(FinishReason, GenerationStatistics)
}

/// One generated token.
public struct GeneratedToken: Sendable, Equatable {
  /// Its id.
  public let id: Int32
  /// Log-probabilities, when the request asked for them.
  public let logprobs: TokenLogprobs?
  /// Whether this is the end token or stop token that ended the generation: counted, but no part of the answer.
  public let isStop: Bool

  /// Creates a token.
  public init(id: Int32, logprobs: TokenLogprobs? = nil, isStop: Bool = false) {
    self.id = id
    self.logprobs = logprobs
    self.isStop = isStop
  }
}

/// Natural logarithms of the probabilities that the model itself gives, before any sampling parameter acts.
public struct TokenLogprobs: Sendable, Equatable {
  /// Of the chosen token.
  public let chosen: Float
  /// The most likely tokens, most likely first (lowest id first on ties): as many as were asked for. The chosen
  /// token need not be among them.
  public let top: [TokenLogprob]

  /// Creates log-probabilities.
  public init(chosen: Float, top: [TokenLogprob]) {
    self.chosen = chosen
    self.top = top
  }
}

/// A token and its log-probability.
public struct TokenLogprob: Sendable, Equatable {
  /// The token's id.
  public let id: Int32
  /// Its log-probability.
  public let logprob: Float

  /// Creates a pair.
  public init(id: Int32, logprob: Float) {
    self.id = id
    self.logprob = logprob
  }
}

/// What the model makes of a token of the prompt, given those before it.
public struct PromptTokenScore: Sendable, Equatable {
  /// The token's id.
  public let id: Int32
  /// Log-probabilities; ``TokenLogprobs/chosen`` is the token's own.
  public let logprobs: TokenLogprobs
  /// The token's place among all by likelihood: 1 for the most likely.
  public let rank: Int

  /// Creates a score.
  public init(id: Int32, logprobs: TokenLogprobs, rank: Int) {
    self.id = id
    self.logprobs = logprobs
    self.rank = rank
  }
}

/// The reason of a generation's end. Raw values are those of the label `finished_reason` in metrics: vLLM's, and two
/// more.
public enum FinishReason: String, Sendable, CaseIterable {
  /// An end token, a stop token or a stop string came.
  case stop
  /// ``StopConditions/maxTokens`` or the end of the context was reached.
  case length
  /// The caller cancelled it or went away.
  case cancelled = "abort"
  /// The engine was shut down, or its drain took longer than it may.
  case shutdown
  /// Nobody read the tokens for longer than ``EngineConfiguration/readerPatience``.
  case unread
  /// The model's logits held NaN or +∞, or left no token to choose.
  case error
}

/// The cost of one request, for `usage` and `timings`.
public struct GenerationStatistics: Sendable, Equatable {
  /// The number of the prompt's tokens.
  public var promptTokens: Int
  /// The number of generated tokens, a stop token included.
  public var generatedTokens = 0
  /// The number of prompt tokens whose state was found instead of computed.
  public var cachedTokens = 0
  /// The number of times that the request lost its memory to an older one and was computed again.
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
