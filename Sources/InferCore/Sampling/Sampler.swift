/// Chooses the tokens of one generation.
///
/// The order is that of vLLM's v1 sampler (docs.vllm.ai, `vllm.v1.sample.sampler`): log-probabilities of the
/// untouched logits; minimum length; logit bias; penalties; then, unless the most likely token is taken,
/// temperature, min-p, top-k, top-p and a draw. A token depends on the seed, its place in the answer, its row of
/// logits and the generation's own tokens, and on nothing else.
final class Sampler {
  private let parameters: SamplingParameters
  private let generator: CounterGenerator
  private let minimumLength: Int
  private let minimum: MinimumTokens
  private let bias: LogitBias
  private var penalties: Penalties?
  /// Tokens chosen so far.
  private(set) var count = 0

  /// A sampler for one request; `stopTokens` are the tokens that end it. Biased tokens must be in the vocabulary.
  init(_ request: GenerationRequest, stopTokens: Set<Int32>) {
    parameters = request.sampling
    var system = SystemRandomNumberGenerator()
    generator = CounterGenerator(seed: request.sampling.seed ?? system.next())
    minimumLength = request.stop.minTokens
    minimum = MinimumTokens(stopTokens: Array(stopTokens))
    bias = LogitBias(biases: request.sampling.logitBias.map { ($0.key, $0.value) })
    penalties = Penalties(request.sampling, prompt: request.prompt)
  }

  /// Chooses the next token from its row of logits, which is used up. O(vocabulary), without sorting it.
  ///
  /// - Returns: `nil` when there is nothing to choose from: the row holds NaN or +∞, or all tokens are ruled out.
  func next(_ row: inout MutableSpan<Float>, _ workspace: SamplingWorkspace) -> GeneratedToken? {
    var logprobs: Logprobs?
    if let wanted = parameters.logprobs {
      guard let maximum = RowReduction.maximum(row.span) else { return nil }
      logprobs = Logprobs(row.span, maximum: maximum, count: wanted, workspace)
    }
    adjust(&row, workspace)
    guard let maximum = RowReduction.maximum(row.span) else { return nil }
    let isGreedy = parameters.temperature < SamplingParameters.greedyTemperature
    let chosen = isGreedy ? Self.first(maximum, in: row.span) : draw(&row, maximum: maximum, workspace)
    guard let chosen else { return nil }
    record(chosen)
    return GeneratedToken(id: chosen, logprobs: logprobs?.choosing(chosen, workspace))
  }

  /// Adds a token to the answer.
  func record(_ token: Int32) {
    count += 1
    penalties?.record(token)
  }

  /// The transforms that also bear on which token is the most likely one.
  func adjust(_ row: inout MutableSpan<Float>, _ workspace: SamplingWorkspace) {
    if count < minimumLength { minimum.apply(to: &row, workspace) }
    bias.apply(to: &row, workspace)
    penalties?.apply(to: &row, workspace)
  }

  private func draw(_ row: inout MutableSpan<Float>, maximum: Float, _ workspace: SamplingWorkspace) -> Int32? {
    weigh(&row, maximum: maximum, workspace)
    return Self.token(at: generator.uniform(at: UInt64(count)), of: row.span)
  }

  /// Turns logits, of which `maximum` is the largest, into the weights to draw from.
  func weigh(_ row: inout MutableSpan<Float>, maximum: Float, _ workspace: SamplingWorkspace) {
    Temperature(temperature: parameters.temperature, maximum: maximum).apply(to: &row, workspace)
    if parameters.minP > 0 { MinP(fraction: parameters.minP).apply(to: &row, workspace) }
    if parameters.topK > 0 { TopK(count: parameters.topK).apply(to: &row, workspace) }
    if parameters.topP < 1 { TopP(mass: parameters.topP).apply(to: &row, workspace) }
  }

  private static func first(_ value: Float, in row: Span<Float>) -> Int32? {
    for i in row.indices where row[i] == value { return Int32(i) }
    return nil
  }

  /// The token in which `fraction` of the weights' sum falls, in order of ids. Rounding that moves weights a little
  /// moves the limits between tokens a little, and no more.
  private static func token(at fraction: Double, of weights: Span<Float>) -> Int32? {
    let target = fraction * RowReduction.sum(weights)
    var sum = 0.0
    var last: Int32?
    for i in weights.indices where weights[i] > 0 {
      sum += Double(weights[i])
      last = Int32(i)
      if sum > target { break }
    }
    return last
  }
}
