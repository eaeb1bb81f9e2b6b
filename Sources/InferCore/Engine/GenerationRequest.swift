public import InferText

/// A request to generate tokens: a prompt, the way to choose tokens, and the conditions to stop.
public struct GenerationRequest: Sendable {
  /// The prompt's token ids. Nothing is added to them.
  public var prompt: [Int32]
  /// The way in which tokens are chosen.
  public var sampling: SamplingParameters
  /// The conditions that end the generation.
  public var stop: StopConditions
  /// Log-probabilities to report of the prompt's tokens: `nil` for none, 0 for each token's own, n for the n most
  /// likely tokens' as well. Costs a row of logits for every token of the prompt.
  public var promptLogprobs: Int?
  /// The way in which the prompt's hidden states become a vector that is reported; `nil` for none. Such a request
  /// generates nothing: ``StopConditions/maxTokens`` is 0.
  public var pooling: Pooling?

  /// The name of the adapter that is added to the model, one of ``LanguageModel/adapters``, compared by bytes; `nil`
  /// for none. State is shared with requests that have the same.
  public var adapter: String?

  /// The requests that this one may share state with; `nil` for none: it then neither finds what others left nor leaves
  /// anything.
  public var cacheScope: CacheScope?
  /// Numbers of the prompt's first tokens after which other prompts are likely to go on differently, such as the ends of
  /// its messages: state is kept there. Others than `1 ..< prompt.count` are passed over.
  public var branches: [Int]
  /// Places in the prompt that others can name, in ascending order of their tokens.
  public var landmarks: [PromptLandmark] = []
  /// The urgency, 0 or more: requests with a lower number run before all with a higher one, and take their memory if
  /// there is not enough.
  public var priority: Int
  /// The client whose request it is, compared by bytes; `nil` for one without a name. Clients that compete get as much
  /// service each, however many requests they have.
  public var client: String?
  /// Changes of the logits behind those that ``sampling`` and ``stop`` ask for, in the order in which they act: a constraint
  /// (``AnswerConstraint``) and the caller's own. Each request has its own copies.
  public var processors: [any LogitsProcessor] = []
  /// The session whose tokens this request's are remembered as, so that their state can be saved; `nil` for none.
  public var session: SessionName?

  /// Creates a request. The prompt is checked by ``Engine/submit(_:)-(GenerationRequest)``, which knows the model.
  public init(
    prompt: [Int32], sampling: SamplingParameters = .standard, stop: StopConditions = .standard,
    promptLogprobs: Int? = nil, cacheScope: CacheScope? = .shared, branches: [Int] = [], priority: Int = 0,
    client: String? = nil
  ) {
    self.prompt = prompt
    self.sampling = sampling
    self.stop = stop
    self.promptLogprobs = promptLogprobs
    self.cacheScope = cacheScope
    self.branches = branches
    self.priority = priority
    self.client = client
  }
}

extension GenerationRequest {
  /// Holds the answer to a constraint, if there is one, behind the processors that are there.
  public mutating func constrain(by answer: ConstrainedAnswer?) {
    if let answer { processors.append(AnswerConstraint(answer)) }
  }
}

/// Conditions that end a generation.
public struct StopConditions: Sendable, Equatable {
  /// The maximum number of generated tokens, as far as the context has room; `nil` for as many as it has room for, 0 to
  /// read the prompt only.
  public private(set) var maxTokens: Int?
  /// The number of generated tokens before which neither a token nor a string ends the generation.
  public let minTokens: Int
  /// Tokens that end the generation, beside the model's own end tokens.
  public let stopTokenIDs: Set<Int32>
  /// `true` when the model's end tokens are tokens like any other.
  public let ignoresEndTokens: Bool
  /// Strings that end the generation. Matched by ``TextGeneration``; a ``Generation`` of tokens ignores them.
  public let stopStrings: [String]
  /// `true` when a matched stop string is part of the text.
  public let includesStopString: Bool

  /// No conditions but the model's end tokens and the context's end.
  public static let standard = StopConditions()

  /// The prompt is read only.
  static let nothing = StopConditions(length: 0)

  private init(length: Int? = nil) {
    maxTokens = length
    minTokens = 0
    stopTokenIDs = []
    ignoresEndTokens = false
    stopStrings = []
    includesStopString = false
  }

  /// Checks and keeps the conditions.
  ///
  /// - Throws: ``RequestError/invalid(_:reason:)`` when a length is negative, `minTokens` is above `maxTokens`, a stop
  ///   string is empty, or there are more than 64 of them.
  public init(
    maxTokens: Int? = nil, minTokens: Int = 0, stopTokenIDs: Set<Int32> = [], ignoresEndTokens: Bool = false,
    stopStrings: [String] = [], includesStopString: Bool = false
  ) throws(RequestError) {
    if let maxTokens, maxTokens < 0 {
      throw .invalid(.maxTokens, reason: "must not be negative, not \(maxTokens)")
    }
    if minTokens < 0 { throw .invalid(.minTokens, reason: "must not be negative, not \(minTokens)") }
    if let maxTokens, minTokens > maxTokens {
      throw .invalid(.minTokens, reason: "is \(minTokens), but at most \(maxTokens) tokens are generated")
    }
    if stopStrings.contains("") { throw .invalid(.stopStrings, reason: "must not hold an empty string") }
    if stopStrings.count > Self.stopStringLimit {
      throw .invalid(
        .stopStrings, reason: "must hold at most \(Self.stopStringLimit) strings, not \(stopStrings.count)")
    }
    self.maxTokens = maxTokens
    self.minTokens = minTokens
    self.stopTokenIDs = stopTokenIDs
    self.ignoresEndTokens = ignoresEndTokens
    self.stopStrings = stopStrings
    self.includesStopString = includesStopString
  }

  /// These conditions, with a length where they have none: `maxTokens`, but no fewer than ``minTokens`` and one.
  public func defaulting(maxTokens length: Int?) -> StopConditions {
    guard maxTokens == nil, let length else { return self }
    var copy = self
    copy.maxTokens = max(1, minTokens, length)
    return copy
  }

  /// Every piece of text is searched for all strings, so their number is bounded.
  private static let stopStringLimit = 64
}
