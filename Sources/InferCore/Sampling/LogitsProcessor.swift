/// A change of one request's logits before a token is chosen from them, and of which token is the most likely one.
///
/// A request's processors are composed when it arrives and belong to it alone, so they may keep what they have seen of it.
/// They act in order, on the logits that the one before leaves; greedy choice and sampling follow.
protocol LogitsProcessor {
  /// Changes the logits of the next token in place, `[vocabulary]`. −∞ rules a token out. Takes nothing from the heap.
  mutating func apply(to logits: inout MutableSpan<Float>)

  /// Takes note of the token that was chosen. Called once for each token of the answer, in order.
  mutating func accept(_ token: Int32)
}

extension LogitsProcessor {
  /// Does nothing: the change does not depend on the answer.
  mutating func accept(_ token: Int32) {}
}

extension SamplingParameters {
  /// The processors that a request needs, in vLLM's order: minimum length, logit bias, penalties.
  ///
  /// - Parameters:
  ///   - prompt: The tokens before the answer.
  ///   - minimumLength: The number of tokens before which none of `stopTokens` is chosen.
  ///   - stopTokens: The tokens that end the answer.
  func processors(prompt: [Int32], minimumLength: Int, stopTokens: Set<Int32>) -> [any LogitsProcessor] {
    var processors: [any LogitsProcessor] = []
    if minimumLength > 0 { processors.append(MinimumTokens(minimumLength, stopTokens: Array(stopTokens))) }
    if !logitBias.isEmpty { processors.append(LogitBias(logitBias)) }
    if let penalties = Penalties(self, prompt: prompt) { processors.append(penalties) }
    return processors
  }
}

/// Rules out the tokens that would end an answer which is too short to end.
struct MinimumTokens: LogitsProcessor {
  /// Tokens that the answer lacks.
  private var missing: Int
  private let stopTokens: [Int32]

  /// - Parameters:
  ///   - count: The length from which an answer may end.
  ///   - stopTokens: The tokens that end it; those outside the vocabulary are ignored.
  init(_ count: Int, stopTokens: [Int32]) {
    missing = count
    self.stopTokens = stopTokens
  }

  func apply(to logits: inout MutableSpan<Float>) {
    guard missing > 0 else { return }
    for token in stopTokens where logits.indices.contains(Int(token)) { logits[Int(token)] = -.infinity }
  }

  mutating func accept(_ token: Int32) { missing = max(0, missing - 1) }
}

/// Adds constants to the logits of some tokens.
struct LogitBias: LogitsProcessor {
  private let biases: [(token: Int32, bias: Float)]

  /// Biases by token, all of the vocabulary.
  init(_ biases: [Int32: Float]) { self.biases = biases.map { ($0.key, $0.value) } }

  func apply(to logits: inout MutableSpan<Float>) {
    for (token, bias) in biases { logits[Int(token)] += bias }
  }
}

/// Makes tokens that were there before less likely (or more, when a penalty is negative or below 1).
///
/// The order is vLLM's: the repetition penalty (Keskar et al., "CTRL", 2019) over prompt and answer, then the frequency
/// and the presence penalty of the OpenAI API over the answer alone.
struct Penalties: LogitsProcessor {
  private let repetition: Float
  private let frequency: Float
  private let presence: Float
  /// The different tokens of prompt and answer, and how often each is in the answer.
  private var seen: [(token: Int32, count: Int32)] = []
  /// Indices in `seen` by token.
  private var places: [Int32: Int] = [:]

  /// `nil` when the parameters penalise nothing. O(prompt) with a repetition penalty, which alone looks at the prompt.
  init?(_ parameters: SamplingParameters, prompt: [Int32]) {
    repetition = parameters.repetitionPenalty
    frequency = parameters.frequencyPenalty
    presence = parameters.presencePenalty
    guard repetition != 1 || frequency != 0 || presence != 0 else { return nil }
    if repetition != 1 {
      for token in prompt { note(token, count: 0) }
    }
  }

  func apply(to logits: inout MutableSpan<Float>) {
    for (token, count) in seen {
      var logit = logits[Int(token)]
      if repetition != 1 { logit = logit > 0 ? logit / repetition : logit * repetition }
      if count > 0 { logit -= frequency * Float(count) + presence }
      logits[Int(token)] = logit
    }
  }

  mutating func accept(_ token: Int32) { note(token, count: 1) }

  private mutating func note(_ token: Int32, count: Int32) {
    if let index = places[token] {
      seen[index].count += count
    } else {
      places[token] = seen.count
      seen.append((token, count))
    }
  }
}
