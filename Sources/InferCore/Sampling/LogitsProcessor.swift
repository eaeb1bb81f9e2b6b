/// A change of one request's logits before a token is chosen from them.
///
/// Penalties, biases, shortest lengths and constraints are processors; ``GenerationRequest/processors`` are further ones. They
/// are copied for each request, so that values may keep what they have seen of it; an object would be shared by the choices for
/// a prompt. They act in order, on the logits that the one before
/// leaves; greedy choice and sampling follow. The engine calls them on its own threads, one at a time for a request: the
/// time that they take is added to that of the step.
public protocol LogitsProcessor: Sendable {
  /// Prepares for an answer. Called once, when the request is submitted.
  mutating func begin(_ context: AnswerContext)

  /// Changes the logits of the next token in place, `[vocabulary]`. −∞ rules a token out. Where all are ruled out, or one is
  /// NaN or +∞, the answer ends with ``FinishReason/error``.
  mutating func apply(to logits: inout MutableSpan<Float>)

  /// Takes note of the token that was chosen. Called once for each token of the answer, in order.
  mutating func accept(_ token: Int32)

  /// The next token where there is but one, after which the model is not asked: the token is taken at once, and goes into
  /// the next step with those before it. `nil` where there is a choice.
  ///
  /// ``apply(to:)`` must leave no other token either: it is called where a row is computed all the same, as it is for a
  /// request that wants log-probabilities.
  mutating func forcedToken() -> Int32?

  /// The reason of the end where the processor leaves no token because it cannot go on itself; `nil` while it can.
  var failure: FinishReason? { get }
}

extension LogitsProcessor {
  /// The processor can always go on.
  public var failure: FinishReason? { nil }

  /// Does nothing: the change does not depend on the request.
  public mutating func begin(_ context: AnswerContext) {}

  /// Does nothing: the change does not depend on the answer.
  public mutating func accept(_ token: Int32) {}

  /// There is always a choice.
  public mutating func forcedToken() -> Int32? { nil }
}

/// The request that a ``LogitsProcessor`` is for.
public struct AnswerContext: Sendable {
  /// The tokens before the answer.
  public let prompt: [Int32]
  /// The tokens that end this answer: the model's and the request's.
  public let stopTokens: Set<Int32>
  /// The tokens that are no text of an answer: those that end this one, and the model's end tokens even where the request
  /// goes on behind them.
  public let endTokens: Set<Int32>

  /// Creates a context. End tokens are added to those that end the answer.
  public init(prompt: [Int32], stopTokens: Set<Int32> = [], endTokens: Set<Int32> = []) {
    self.prompt = prompt
    self.stopTokens = stopTokens
    self.endTokens = stopTokens.union(endTokens)
  }
}

extension SamplingParameters {
  /// The processors that a request needs, in vLLM's order: minimum length, logit bias, penalties.
  ///
  /// - Parameter minimumLength: The number of tokens before which the answer does not end.
  func processors(minimumLength: Int) -> [any LogitsProcessor] {
    var processors: [any LogitsProcessor] = []
    if minimumLength > 0 { processors.append(MinimumLength(minimumLength)) }
    if !logitBias.isEmpty { processors.append(LogitBias(logitBias)) }
    if let penalties = Penalties(self) { processors.append(penalties) }
    return processors
  }
}

/// Rules out the tokens that would end an answer which is too short to end.
struct MinimumLength: LogitsProcessor {
  /// The number of tokens that the answer lacks.
  private var missing: Int
  private var stopTokens: [Int32] = []

  /// An answer of at least `count` tokens.
  init(_ count: Int) { missing = count }

  mutating func begin(_ context: AnswerContext) { stopTokens = Array(context.stopTokens) }

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

  /// `nil` when the parameters penalise nothing.
  init?(_ parameters: SamplingParameters) {
    repetition = parameters.repetitionPenalty
    frequency = parameters.frequencyPenalty
    presence = parameters.presencePenalty
    guard repetition != 1 || frequency != 0 || presence != 0 else { return nil }
  }

  /// O(prompt) with a repetition penalty, which alone looks at the prompt.
  mutating func begin(_ context: AnswerContext) {
    guard repetition != 1 else { return }
    for token in context.prompt { note(token, count: 0) }
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
