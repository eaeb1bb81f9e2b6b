/// Chooses the tokens of one request.
///
/// The order is that of vLLM's v1 sampler (docs.vllm.ai, `vllm.v1.sample.sampler`): log-probabilities of the
/// untouched logits; the request's processors; then, unless the most likely token is taken, temperature, min-p, top-k,
/// top-p and a draw. A token depends on the seed, its place in the answer, its row of logits and the request's own
/// tokens, and on nothing else.
final class Sampler {
  private let parameters: SamplingParameters
  private let generator: CounterGenerator
  private let stopTokens: Set<Int32>
  private let endTokens: Set<Int32>
  /// The maximum number of tokens.
  let tokenLimit: Int
  /// The processors of the request's logits, in the order in which they act.
  private var processors: [any LogitsProcessor]
  /// The number of tokens chosen so far.
  private(set) var count = 0
  /// `true` once a token came that ends the answer, or the last that it may have.
  private var isOver = false
  /// The reason why the last row of logits gave no token.
  private(set) var failure = FinishReason.error

  /// A sampler for one answer of `tokenLimit` tokens at most, whose rows of logits go through `processors` first.
  init(
    _ parameters: SamplingParameters, processors: [any LogitsProcessor], tokenLimit: Int = .max,
    _ context: AnswerContext
  ) {
    self.parameters = parameters
    self.processors = processors
    self.tokenLimit = tokenLimit
    stopTokens = context.stopTokens
    endTokens = context.endTokens
    for index in self.processors.indices { self.processors[index].begin(context) }
    var system = SystemRandomNumberGenerator()
    generator = CounterGenerator(seed: parameters.seed ?? system.next())
  }

  /// A sampler for one request. Biased tokens must be in the vocabulary.
  ///
  /// - Parameters:
  ///   - parameters: The way in which tokens are chosen.
  ///   - prompt: The tokens before the answer, which penalties may count.
  ///   - minimumLength: The number of tokens before which none of `stopTokens` is chosen.
  ///   - stopTokens: The tokens that end the answer.
  convenience init(_ parameters: SamplingParameters, prompt: [Int32], minimumLength: Int, stopTokens: Set<Int32>) {
    self.init(
      parameters, processors: parameters.processors(minimumLength: minimumLength),
      AnswerContext(prompt: prompt, stopTokens: stopTokens))
  }

  /// Chooses the next token from its row of logits, which is used up.
  ///
  /// - Returns: `nil` when there is nothing to choose from: the row holds NaN or +∞, or all tokens are ruled out.
  /// - Complexity: O(vocabulary); the row is not sorted.
  func next(_ row: inout MutableSpan<Float>, _ workspace: SamplingWorkspace) -> GeneratedToken? {
    var logprobs: Logprobs?
    if let wanted = parameters.logprobs {
      guard let maximum = RowReduction.maximum(row.span) else { return fail(with: .notFinite) }
      logprobs = Logprobs(row.span, maximum: maximum, count: wanted, workspace)
    }
    process(&row)
    guard let maximum = RowReduction.maximum(row.span) else { return fail(with: reason(for: row.span)) }
    let isGreedy = parameters.temperature < SamplingParameters.greedyTemperature
    let chosen =
      isGreedy
      ? RowReduction.index(of: maximum...maximum, in: row.span).map { Int32($0) }
      : draw(&row, maximum: maximum, workspace)
    guard let chosen else { return fail(with: .error) }
    accept(chosen)
    return GeneratedToken(id: chosen, logprobs: logprobs?.choosing(chosen, workspace))
  }

  /// Takes the tokens that must come next, up to ``maxForced``, and adds them to the answer.
  ///
  /// The last processor alone forces tokens: it has the last word on logits, too. None is forced that ends the answer, comes
  /// behind its end or is outside the vocabulary, and none for a request that wants log-probabilities: a row of logits
  /// decides there.
  func forcedTokens(below vocabularySize: Int) -> [Int32] {
    guard parameters.logprobs == nil, !processors.isEmpty else { return [] }
    let last = processors.count - 1
    var tokens: [Int32] = []
    while tokens.count < Self.maxForced, !isOver, let token = processors[last].forcedToken(),
      (0..<vocabularySize).contains(Int(token)), !endTokens.contains(token)
    {
      accept(token)
      tokens.append(token)
    }
    return tokens
  }

  private func fail(with reason: FinishReason) -> GeneratedToken? {
    failure = reason
    return nil
  }

  /// The reason why a row that went through the processors leaves no token. They rule tokens out by -∞ and make no other
  /// value that is not finite.
  private func reason(for row: Span<Float>) -> FinishReason {
    let isUnsound = processors.isEmpty || row.indices.contains { !(row[$0] < .infinity) }
    return isUnsound ? .notFinite : processors.lazy.compactMap(\.failure).first ?? .error
  }

  /// The maximum number of tokens that are taken without asking the model between two rows.
  static let maxForced = 64

  /// Adds a token to the answer.
  func accept(_ token: Int32) {
    count += 1
    isOver = count >= tokenLimit || stopTokens.contains(token)
    for index in processors.indices { processors[index].accept(token) }
  }

  /// Applies the request's processors to a row of logits.
  func process(_ row: inout MutableSpan<Float>) {
    for index in processors.indices { processors[index].apply(to: &row) }
  }

  private func draw(_ row: inout MutableSpan<Float>, maximum: Float, _ workspace: SamplingWorkspace) -> Int32? {
    weigh(&row, maximum: maximum, workspace)
    return workspace.sums.index(at: generator.uniform(at: UInt64(count)), of: row.span).map { Int32($0) }
  }

  /// Turns logits, of which `maximum` is the largest, into the weights to draw from: probabilities times a constant,
  /// with 0 for tokens that are ruled out. Before tokens are ruled out, the largest weight is 1.
  func weigh(_ row: inout MutableSpan<Float>, maximum: Float, _ workspace: SamplingWorkspace) {
    workspace.sums.weigh(&row, maximum: maximum, scale: 1 / parameters.temperature)
    // Min-p: keeps tokens that are at least that fraction as likely as the most likely one, whose weight is 1 (Nguyen et al.,
    // "Turning Up the Heat: Min-p Sampling for Creative and Coherent LLM Outputs", 2024).
    if parameters.minP > 0 { workspace.sums.cut(&row, below: parameters.minP) }
    if parameters.topK > 0 { workspace.selection.keepTop(parameters.topK, of: &row, &workspace.sums) }
    if parameters.topP < 1 { workspace.selection.keepTop(mass: parameters.topP, of: &row, &workspace.sums) }
  }
}

/// Memory that one thread's sampling reuses from token to token.
final class SamplingWorkspace {
  /// Candidates of the selection under way.
  var selection = Selection()
  /// The sums of the row of weights under way.
  var sums = WeightSums()
  /// A copy of the model's own logits, when log-probabilities are wanted.
  var logits: [Float] = []
}
