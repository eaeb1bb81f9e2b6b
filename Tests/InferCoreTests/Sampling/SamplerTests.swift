import Foundation
import InferText
import TestSupport
import Testing

@testable import InferCore

func exponential(_ x: Double) -> Double { exp(x) }

extension Sampler {
  /// A sampler for a whole request.
  fileprivate convenience init(_ request: GenerationRequest, stopTokens: Set<Int32>) {
    self.init(
      request.sampling, prompt: request.prompt, minimumLength: request.stop.minTokens, stopTokens: stopTokens)
  }
}

@Suite struct SamplerTests {
  private let workspace = SamplingWorkspace()

  private func request(
    _ parameters: SamplingParameters, prompt: [Int32] = [0], stop: StopConditions = .standard
  ) -> GenerationRequest {
    GenerationRequest(prompt: prompt, sampling: parameters, stop: stop)
  }

  private func next(_ sampler: Sampler, _ logits: [Float]) -> GeneratedToken? {
    var row = logits
    var span = row.mutableSpan
    return sampler.next(&span, workspace)
  }

  private func randomParameters(_ random: inout SeededGenerator) throws -> SamplingParameters {
    func maybe(_ value: Float, or other: Float, _ random: inout SeededGenerator) -> Float {
      Bool.random(using: &random) ? value : other
    }
    return try SamplingParameters(
      temperature: .random(in: 0.2...2, using: &random), topK: [0, 1, 3, 20].randomElement(using: &random) ?? 0,
      topP: maybe(.random(in: 0.05...1, using: &random), or: 1, &random),
      minP: maybe(.random(in: 0...0.3, using: &random), or: 0, &random),
      repetitionPenalty: maybe(.random(in: 0.5...2, using: &random), or: 1, &random),
      presencePenalty: maybe(.random(in: -2...2, using: &random), or: 0, &random),
      frequencyPenalty: maybe(.random(in: -1...1, using: &random), or: 0, &random),
      logitBias: Bool.random(using: &random) ? [3: 2.5, 7: -4] : [:])
  }

  /// All transforms, in order: the weights are vLLM's probabilities, computed the plain way.
  @Test func weightsAreThoseOfThePlainTwin() throws {
    var random = SeededGenerator(seed: 7)
    for _ in 0..<400 {
      let size = Int.random(in: 10...60, using: &random)
      let logits = random.floats(size, scale: 4)
      let parameters = try randomParameters(&random)
      let prompt = (0..<5).map { _ in Int32.random(in: 0..<Int32(size), using: &random) }
      let answer = (0..<8).map { _ in Int32.random(in: 0..<Int32(size), using: &random) }
      let stop = try StopConditions(minTokens: Bool.random(using: &random) ? 20 : 0)
      let sampler = Sampler(request(parameters, prompt: prompt, stop: stop), stopTokens: [1, 2])
      for token in answer { sampler.accept(token) }
      var row = logits
      var span = row.mutableSpan
      sampler.process(&span)
      let largest = RowReduction.maximum(span.span)
      let maximum = try #require(largest)
      sampler.weigh(&span, maximum: maximum, workspace)
      let sum = row.reduce(0.0) { $0 + Double($1) }
      let expected = PlainSampling.probabilities(
        logits, parameters, prompt: prompt, answer: answer, forbidden: stop.minTokens > 0 ? [1, 2] : [])
      for token in row.indices {
        let difference = abs(Double(row[token]) / sum - expected[token])
        #expect(difference < 2e-6, "token \(token) of \(size) with \(parameters)")
      }
    }
  }

  /// Pearson's chi-square of 40,000 draws against the exact probabilities.
  @Test func drawsFollowTheDistribution() throws {
    var random = SeededGenerator(seed: 11)
    let logits = random.floats(40, scale: 3)
    let parameters = try SamplingParameters(temperature: 0.9, topK: 25, topP: 0.95, seed: 5)
    let expected = PlainSampling.probabilities(logits, parameters, prompt: [], answer: [])
    let sampler = Sampler(request(parameters), stopTokens: [])
    var counts = [Int](repeating: 0, count: logits.count)
    let draws = 40_000
    for _ in 0..<draws { counts[Int(try #require(next(sampler, logits)).id)] += 1 }
    var chiSquare = 0.0
    var kinds = 0
    for (count, probability) in zip(counts, expected) {
      guard probability > 0 else {
        #expect(count == 0)
        continue
      }
      let mean = probability * Double(draws)
      chiSquare += (Double(count) - mean) * (Double(count) - mean) / mean
      kinds += 1
    }
    let freedom = Double(kinds - 1)
    #expect(chiSquare < freedom + 4 * (2 * freedom).squareRoot())
    #expect(chiSquare > freedom - 4 * (2 * freedom).squareRoot())
  }

  @Test func greedyTakesTheLowestIDOnTiesAndHeedsBiasAndPenalties() throws {
    let logits: [Float] = [1, 5, 2, 5, 5]
    #expect(next(Sampler(request(.greedy), stopTokens: []), logits)?.id == 1)
    let biased = try SamplingParameters(temperature: 0, logitBias: [2: 3.5])
    #expect(next(Sampler(request(biased), stopTokens: []), logits)?.id == 2)
    let penalised = Sampler(request(try SamplingParameters(temperature: 0, presencePenalty: 1)), stopTokens: [])
    #expect((0..<4).map { _ in next(penalised, logits)?.id } == [1, 3, 4, 1])
  }

  @Test func noMassAtAllIsGreedy() throws {
    let logits: [Float] = [1, 5, 2, 5, 5]
    for temperature: Float in [0.1, 1, 2] {
      let sampler = Sampler(request(try SamplingParameters(temperature: temperature, topP: 0)), stopTokens: [])
      #expect((0..<50).allSatisfy { _ in next(sampler, logits)?.id == 1 })
    }
  }

  @Test func stopTokensWaitForTheMinimumLength() throws {
    let stop = try StopConditions(maxTokens: 9, minTokens: 2)
    let sampler = Sampler(request(.greedy, stop: stop), stopTokens: [3, 99, -1])
    #expect((0..<3).map { _ in next(sampler, [1, 0, 0, 7])?.id } == [0, 0, 3])
  }

  /// A processor of a request that rules out the token that was chosen last.
  private struct NoRepetition: LogitsProcessor {
    var last: Int32?

    mutating func apply(to logits: inout MutableSpan<Float>) {
      if let last { logits[Int(last)] = -.infinity }
    }

    mutating func accept(_ token: Int32) { last = token }
  }

  /// Each processor sees the logits that the one before leaves, and every token that is chosen.
  @Test func processorsActInOrderAndSeeTheAnswer() throws {
    let parameters = try SamplingParameters(temperature: 0, logprobs: 1)
    let logits: [Float] = [0, 4, 2, 3]
    let sampler = Sampler(parameters, processors: [LogitBias([2: 1.5]), NoRepetition()], AnswerContext(prompt: []))
    let tokens = try (0..<4).map { _ in try #require(next(sampler, logits)) }
    #expect(tokens.map(\.id) == [1, 2, 1, 2])
    #expect(tokens.allSatisfy { $0.logprobs?.top.map(\.id) == [1] }, "log-probabilities are the model's own")
    // The processor that rules a token out comes first, and a bias cannot bring the token back.
    let other = Sampler(
      parameters, processors: [NoRepetition(last: 1), LogitBias([1: 100])], AnswerContext(prompt: []))
    #expect(next(other, logits)?.id == 3)
  }

  /// A processor that has a text come whole once its first token was chosen.
  private struct Whole: LogitsProcessor {
    let text: [Int32]
    var place = 0
    var seenPrompt: [Int32] = []

    mutating func begin(_ context: AnswerContext) { seenPrompt = context.prompt }

    mutating func apply(to logits: inout MutableSpan<Float>) {
      guard let token = forcedToken() else { return }
      for other in logits.indices where other != Int(token) { logits[other] = -.infinity }
    }

    mutating func accept(_ token: Int32) { place = token == text[place] && place + 1 < text.count ? place + 1 : 0 }

    mutating func forcedToken() -> Int32? { place > 0 ? text[place] : nil }
  }

  /// Forced tokens are those that rows would have given.
  @Test func forcedTokensNeedNoRows() throws {
    let logits: [Float] = [0, 4, 2, 3]
    let (text, context) = ([1, 0, 2] as [Int32], AnswerContext(prompt: [3]))
    let sampler = Sampler(.greedy, processors: [Whole(text: text)], context)
    #expect(sampler.forcedTokens(below: 4) == [] && next(sampler, logits)?.id == 1)
    #expect(sampler.forcedTokens(below: 4) == [0, 2] && sampler.count == 3 && sampler.forcedTokens(below: 4) == [])
    #expect(next(sampler, logits)?.id == 1)
    let asked = Sampler(
      try SamplingParameters(temperature: 0, logprobs: 0), processors: [Whole(text: text)], context)
    var tokens: [Int32?] = []
    for _ in 0..<3 {
      tokens.append(next(asked, logits)?.id)
      #expect(asked.forcedTokens(below: 4) == [], "each needs its log-probability")
    }
    #expect(tokens == text)
  }

  /// A text that never ends is taken in parts, so that a step ends.
  @Test func forcedTokensAreBounded() {
    struct Endless: LogitsProcessor {
      mutating func apply(to logits: inout MutableSpan<Float>) {}
      mutating func forcedToken() -> Int32? { 2 }
    }
    let sampler = Sampler(.greedy, processors: [Endless()], AnswerContext(prompt: []))
    #expect(sampler.forcedTokens(below: 4).count == Sampler.maxForced)
  }

  /// A processor that has one token come for ever.
  private struct Only: LogitsProcessor {
    let token: Int32
    mutating func apply(to logits: inout MutableSpan<Float>) {}
    mutating func forcedToken() -> Int32? { token }
  }

  /// Nothing is forced behind the end: neither behind the last token that there may be, nor behind one that ends the answer.
  @Test func nothingIsForcedBehindTheEnd() {
    func sampler(_ limit: Int) -> Sampler {
      Sampler(.greedy, processors: [Only(token: 2)], tokenLimit: limit, AnswerContext(prompt: [], stopTokens: [3]))
    }
    let short = sampler(5)
    short.accept(1)
    #expect(short.forcedTokens(below: 4) == [2, 2, 2, 2] && short.forcedTokens(below: 4) == [])
    let stopped = sampler(.max)
    stopped.accept(3)
    #expect(stopped.forcedTokens(below: 4) == [])
  }

  /// A row decides about tokens that are none, that end the answer, and that the last processor has not the say of.
  @Test(arguments: [-1, 4, 3] as [Int32]) func someTokensAreNotForced(token: Int32) throws {
    let context = AnswerContext(prompt: [], endTokens: [3])
    #expect(Sampler(.greedy, processors: [Only(token: token)], context).forcedTokens(below: 4) == [])
    #expect(Sampler(.greedy, processors: [Only(token: 2), LogitBias([0: 1])], context).forcedTokens(below: 4) == [])
  }

  @Test func masksRuleOutWhatIsNotInThem() {
    for (size, count) in [(70, 70), (70, 64), (64, 70), (10, 200)] {
      var mask = TokenMask(size: size)
      let ids = [0, 3, 9, 63, 65].filter { $0 < size }
      for id in ids { mask.insert(Int32(id)) }
      var logits = [Float](repeating: 1, count: count)
      var span = logits.mutableSpan
      mask.apply(to: &span)
      #expect(logits.indices.filter { logits[$0] == 1 } == ids.filter { $0 < count })
      #expect(logits.allSatisfy { $0 == 1 || $0 == -.infinity })
    }
  }

  /// A request has the processors that it needs and no others: an empty list costs nothing for each token.
  @Test func processorsAreThoseThatARequestNeeds() throws {
    let none = SamplingParameters.standard.processors(minimumLength: 0)
    #expect(none.isEmpty)
    let parameters = try SamplingParameters(presencePenalty: 1, logitBias: [3: 1])
    let all = parameters.processors(minimumLength: 2)
    #expect(all.map { String(describing: type(of: $0)) } == ["MinimumLength", "LogitBias", "Penalties"])
  }

  @Test(arguments: [Float(0), 1])
  func brokenLogitsChooseNothing(temperature: Float) throws {
    let parameters = try SamplingParameters(temperature: temperature, topK: 3, topP: 0.9, minP: 0.1, logprobs: 2)
    for bad in [Float.nan, .infinity] {
      for place in [0, 17, 36] {
        var logits = [Float](repeating: 1, count: 37)
        logits[place] = bad
        #expect(next(Sampler(request(parameters), stopTokens: []), logits) == nil)
      }
    }
    let nothing = [Float](repeating: -.infinity, count: 37)
    #expect(next(Sampler(request(parameters), stopTokens: []), nothing) == nil)
    var one = nothing
    one[20] = -3
    #expect(next(Sampler(request(parameters), stopTokens: []), one)?.id == 20)
  }

  /// A token is a function of seed and place: other generations in between change nothing.
  @Test func sameSeedSameTokensWhateverRunsBeside() throws {
    var random = SeededGenerator(seed: 3)
    let rows = (0..<50).map { _ in random.floats(300, scale: 2) }
    func tokens(_ seed: UInt64, beside others: [Sampler] = []) throws -> [Int32] {
      let sampler = Sampler(request(try SamplingParameters(topP: 0.9, seed: seed)), stopTokens: [])
      return rows.compactMap { row in
        for other in others { _ = next(other, row) }
        return next(sampler, row)?.id
      }
    }
    let alone = try tokens(1)
    let others = try (2..<5).map { Sampler(request(try SamplingParameters(topK: $0, seed: 1)), stopTokens: []) }
    #expect(try tokens(1, beside: others) == alone)
    #expect(try tokens(2) != alone)
    let parameters = try SamplingParameters(seed: 1)
    #expect(Set((0..<100).map { parameters.choice($0).seed }).count == 100)
    #expect(parameters.choice(0) == parameters)
  }

  @Test func logprobsAreThoseOfTheUntouchedLogits() throws {
    var random = SeededGenerator(seed: 9)
    var logits = random.floats(1000, scale: 5)
    (logits[400], logits[30], logits[31]) = (7, 6, 6)
    let parameters = try SamplingParameters(
      temperature: 0.5, topK: 1, repetitionPenalty: 3, logitBias: [77: 100], seed: 4, logprobs: 3)
    let sampler = Sampler(request(parameters, prompt: [400]), stopTokens: [])
    let token = try #require(next(sampler, logits))
    #expect(token.id == 77)
    let expected = PlainSampling.softmax(logits.map(Double.init)).map { log($0) }
    let logprobs = try #require(token.logprobs)
    #expect(abs(Double(logprobs.chosen) - expected[77]) < 1e-5)
    #expect(logprobs.top.map(\.id) == [400, 30, 31])
    for item in logprobs.top { #expect(abs(Double(item.logprob) - expected[Int(item.id)]) < 1e-5) }
    let chosenOnly = Sampler(request(try SamplingParameters(logprobs: 0)), stopTokens: [])
    #expect(next(chosenOnly, logits)?.logprobs?.top.isEmpty == true)
  }

  /// The published first outputs of SplitMix64 for seed 0.
  @Test func generatorIsSplitMix64() {
    let generator = CounterGenerator(seed: 0)
    #expect(
      (0..<3).map { generator.bits(at: $0) } == [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F])
  }
}
