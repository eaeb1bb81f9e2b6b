/// The way in which tokens are chosen. Names, meanings and defaults are those of the OpenAI API and of vLLM.
public struct SamplingParameters: Sendable, Equatable {
  /// The number that divides the logits. Below ``greedyTemperature`` the most likely token is taken.
  public let temperature: Float
  /// The number of most likely tokens that may be chosen; 0 for all.
  public let topK: Int
  /// The sum of probabilities whose shortest list of most likely tokens may be chosen from; with 0, only the most
  /// likely token may.
  public let topP: Float
  /// The least likelihood of a token that may be chosen, as a fraction of the most likely one's.
  public let minP: Float
  /// The number that divides positive logits, and multiplies negative ones, of tokens in prompt or answer.
  public let repetitionPenalty: Float
  /// The number that is subtracted from the logits of tokens in the answer.
  public let presencePenalty: Float
  /// The number that is subtracted from the logits of tokens in the answer, once for each time they are there.
  public let frequencyPenalty: Float
  /// The numbers that are added to the logits of some tokens, by token id.
  public let logitBias: [Int32: Float]
  /// The seed of random numbers: the same seed chooses the same tokens. `nil` for a seed from the system.
  public private(set) var seed: UInt64?
  /// Log-probabilities to report with each token: `nil` for none, 0 for the chosen token's, n for the n most
  /// likely tokens' as well.
  public let logprobs: Int?

  /// The temperature below which the most likely token is taken, as in vLLM.
  public static let greedyTemperature: Float = 1e-5

  /// Temperature 1 and nothing else: the model's own distribution.
  public static let standard = SamplingParameters(unchecked: 1)
  /// Always the most likely token, the lowest id on ties.
  public static let greedy = SamplingParameters(unchecked: 0)

  /// The range of temperatures.
  public static let temperatures: ClosedRange<Float> = 0...2
  /// The range of top-p and min-p.
  public static let fractions: ClosedRange<Float> = 0...1
  /// The range of the penalties that are subtracted.
  public static let penalties: ClosedRange<Float> = -2...2
  /// The range of repetition penalties. A smaller one would take logits beyond what floats can hold.
  public static let repetitionPenalties: ClosedRange<Float> = 0.001...10
  /// The largest number of log-probabilities beside a token.
  public static let maximumLogprobs = 20

  private init(unchecked temperature: Float) {
    self.temperature = temperature
    topK = 0
    topP = 1
    minP = 0
    repetitionPenalty = 1
    presencePenalty = 0
    frequencyPenalty = 0
    logitBias = [:]
    seed = nil
    logprobs = nil
  }

  /// Checks and keeps the parameters. `topK` may also be −1 for all tokens, as in vLLM.
  ///
  /// - Throws: ``RequestError/invalid(_:reason:)`` for a value outside its range: temperature 0…2, top-p
  ///   0…1, min-p 0…1, repetition penalty 0.001…10, other penalties −2…2, biases −100…100 for ids
  ///   that are not negative and at most 1024 of them, at most 20 log-probabilities. These are OpenAI's ranges
  ///   where it has one and vLLM's otherwise, with bounds where vLLM has none.
  public init(
    temperature: Float = 1, topK: Int = 0, topP: Float = 1, minP: Float = 0, repetitionPenalty: Float = 1,
    presencePenalty: Float = 0, frequencyPenalty: Float = 0, logitBias: [Int32: Float] = [:], seed: UInt64? = nil,
    logprobs: Int? = nil
  ) throws(RequestError) {
    try Self.check(temperature, in: Self.temperatures, .temperature)
    guard topK >= -1 else { throw .invalid(.topK, reason: "must be at least 0, or -1 for all, not \(topK)") }
    try Self.check(topP, in: Self.fractions, .topP)
    try Self.check(minP, in: Self.fractions, .minP)
    guard Self.repetitionPenalties.contains(repetitionPenalty) else {
      throw .invalid(
        .repetitionPenalty,
        reason:
          "must be between \(Self.repetitionPenalties.lowerBound) and \(Self.repetitionPenalties.upperBound), not \(repetitionPenalty)"
      )
    }
    try Self.check(presencePenalty, in: Self.penalties, .presencePenalty)
    try Self.check(frequencyPenalty, in: Self.penalties, .frequencyPenalty)
    guard logitBias.count <= Self.biasLimit else {
      throw .invalid(.logitBias, reason: "must name at most \(Self.biasLimit) tokens, not \(logitBias.count)")
    }
    for (id, bias) in logitBias {
      guard id >= 0 else { throw .invalid(.logitBias, reason: "token \(id) is negative") }
      try Self.check(bias, in: -100...100, .logitBias)
    }
    if let logprobs, !(0...Self.maximumLogprobs).contains(logprobs) {
      throw .invalid(.logprobs, reason: "must be between 0 and \(Self.maximumLogprobs), not \(logprobs)")
    }
    self.temperature = temperature
    self.topK = max(topK, 0)
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
    self.presencePenalty = presencePenalty
    self.frequencyPenalty = frequencyPenalty
    self.logitBias = logitBias
    self.seed = seed
    self.logprobs = logprobs
  }

  /// The parameters of the choice `index` of several for one request (`n`): the same but for the seed, if there is
  /// one. Choice 0 is the request itself.
  public func choice(_ index: Int) -> SamplingParameters {
    precondition(index >= 0, "choice \(index)")
    guard let seed, index > 0 else { return self }
    var copy = self
    copy.seed = CounterGenerator(seed: seed).bits(at: UInt64(index))
    return copy
  }

  /// Biases are applied one by one at every token, so their number is bounded.
  private static let biasLimit = 1024

  private static func check(_ value: Float, in range: ClosedRange<Float>, _ property: RequestError.Property)
    throws(RequestError)
  {
    // NaN is in no range.
    guard range.contains(value) else {
      let bounds = "between \(range.lowerBound) and \(range.upperBound)"
      throw .invalid(property, reason: "must be \(bounds), not \(value)")
    }
  }
}
