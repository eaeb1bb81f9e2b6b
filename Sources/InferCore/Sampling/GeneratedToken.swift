/// One generated token.
public struct GeneratedToken: Sendable, Equatable {
  /// The token's id.
  public let id: Int32
  /// Log-probabilities, when the request asked for them.
  public let logprobs: TokenLogprobs?
  /// `true` for the end token or stop token that ended the generation, which counts but is no part of the answer.
  public let isStop: Bool

  /// Creates a token.
  public init(id: Int32, logprobs: TokenLogprobs? = nil, isStop: Bool = false) {
    self.id = id
    self.logprobs = logprobs
    self.isStop = isStop
  }
}

/// Natural logarithms of the model's own probabilities, before any sampling parameter acts.
public struct TokenLogprobs: Sendable, Equatable {
  /// The chosen token's log-probability.
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

/// The model's score of a token of the prompt, given the tokens before it.
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
