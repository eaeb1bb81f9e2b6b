import Foundation
import InferMetrics
import Synchronization
import TestSupport
import Testing

@testable import InferCore

/// What a generation came to.
struct Collected: Equatable {
  var scores: [PromptTokenScore] = []
  var tokens: [Int32] = []
  var reason: FinishReason?
  var statistics = GenerationStatistics(promptTokens: 0)

  init() {}

  init(_ generation: Generation) async {
    for await event in generation { append(event) }
  }

  mutating func append(_ event: GenerationEvent) {
    switch event {
    case .promptScores(let more): scores += more
    case .token(let token): tokens.append(token.id)
    case .pooled: break
    case .finished(let reason, let statistics): (self.reason, self.statistics) = (reason, statistics)
    }
  }
}

/// A configuration for small tests.
func smallConfiguration(_ change: (inout EngineConfiguration) -> Void = { _ in }) -> EngineConfiguration {
  var configuration = EngineConfiguration()
  configuration.threads = 2
  configuration.pageTokens = 4
  configuration.maxRunning = 8
  configuration.maxBatchTokens = 16
  change(&configuration)
  return configuration
}

@Suite(.timeLimit(.minutes(10))) struct EngineTests {
  private func request(_ prompt: [Int32], _ count: Int?, seed: UInt64? = nil) throws -> GenerationRequest {
    GenerationRequest(
      prompt: prompt, sampling: try seed.map { try SamplingParameters(seed: $0) } ?? .greedy,
      stop: try StopConditions(maxTokens: count))
  }

  private func prompt(_ count: Int, _ seed: UInt64) -> [Int32] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Int32.random(in: 0..<97, using: &random) }
  }

  /// A model's tokens are those of its whole history, whatever it keeps it in, however the prompt is cut, and whoever
  /// runs beside.
  @Test(arguments: [HashModel.Memory(), .paged, .recurrent, [.paged, .recurrent]], [KVType.f32, .f16])
  func batchedAndChunkedEqualsAlone(memory: HashModel.Memory, kvType: KVType) async throws {
    let model = HashModel(memory: memory)
    let engine = try Engine(model: model, configuration: smallConfiguration { $0.kvType = kvType })
    let prompts = (0..<30).map { prompt(Int($0 * 7 % 50) + 1, UInt64($0)) }
    let generations = try prompts.map { try engine.submit(try request($0, 12)) }
    for (prompt, generation) in zip(prompts, generations) {
      let collected = await Collected(generation)
      #expect(collected.tokens == model.greedy(after: prompt, count: 12))
      #expect(collected.reason == .length && collected.statistics.generatedTokens == 12)
      #expect(collected.statistics.promptTokens == prompt.count)
    }
  }

  /// Has tokens come behind those that are a multiple of four, each the double of the one before.
  private struct Doubling: LogitsProcessor {
    private var missing = 0
    private var last: Int32 = 0

    mutating func apply(to logits: inout MutableSpan<Float>) {
      guard let token = forcedToken() else { return }
      for other in logits.indices where other != Int(token) { logits[other] = -.infinity }
    }

    mutating func accept(_ token: Int32) {
      missing = missing > 0 ? missing - 1 : token % 4 == 0 ? 5 : 0
      last = token
    }

    mutating func forcedToken() -> Int32? { missing > 0 ? last * 2 % 97 : nil }
  }

  /// Tokens that are taken without asking are those that asking gives, whoever runs beside, and however little memory there
  /// is; and fewer steps are made. The length ends an answer between them.
  @Test(arguments: [HashModel.Memory.paged, .recurrent, [.paged, .recurrent]])
  func forcedTokensEqualAskedOnes(memory: HashModel.Memory) async throws {
    let model = HashModel(memory: memory, contextLength: 64, heads: 512)
    let configuration = smallConfiguration { ($0.kvType, $0.pageLimit) = (.f32, 32) }
    func answers(logprobs: Int?) async throws -> (tokens: [[Int32]], steps: Int) {
      let engine = try Engine(model: model, configuration: configuration)
      let generations = try (0..<12).map { index in
        var request = GenerationRequest(
          prompt: prompt(5, UInt64(index)), sampling: try SamplingParameters(seed: UInt64(index), logprobs: logprobs),
          stop: try StopConditions(maxTokens: 30 + index))
        request.processors = [Doubling()]
        return try engine.submit(request)
      }
      var tokens: [[Int32]] = []
      for generation in generations {
        let collected = await Collected(generation)
        #expect(collected.reason == .length && collected.statistics.generatedTokens == collected.tokens.count)
        tokens.append(collected.tokens)
      }
      return (tokens, engine.metrics.iterationTokens.count)
    }
    let (forced, asked) = (try await answers(logprobs: nil), try await answers(logprobs: 0))
    #expect(forced.tokens == asked.tokens && forced.tokens.map(\.count) == (0..<12).map { 30 + $0 })
    #expect(forced.steps < asked.steps * 4 / 5, "\(forced.steps) steps, and \(asked.steps) that ask for each token")
  }

  /// There are pages for two sequences: the others lose theirs again and again, and nobody can tell from the tokens.
  @Test func preemptedEqualsUninterrupted() async throws {
    let model = HashModel(contextLength: 64, heads: 512)
    let configuration = smallConfiguration { ($0.kvType, $0.pageLimit) = (.f32, 32) }
    let engine = try Engine(model: model, configuration: configuration)
    #expect(engine.limits.pageCount == 32)
    let prompts = (0..<12).map { prompt(5, UInt64($0)) }
    let roomy = try Engine(model: HashModel(contextLength: 64), configuration: smallConfiguration())
    var preemptions = 0
    let tight = try prompts.enumerated().map { try engine.submit(try request($1, 40, seed: UInt64($0))) }
    for (index, generation) in tight.enumerated() {
      let collected = await Collected(generation)
      preemptions += collected.statistics.preemptions
      let alone = await Collected(try roomy.submit(try request(prompts[index], 40, seed: UInt64(index))))
      #expect(collected.tokens == alone.tokens && collected.tokens.count == 40)
    }
    #expect(preemptions > 0)
    #expect(engine.metrics.preemptions.value == preemptions)
  }

  @Test func aThousandRequestsAtOnce() async throws {
    let model = HashModel()
    let engine = try Engine(model: model, configuration: smallConfiguration { $0.maxQueue = 1000 })
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for index in 0..<1000 {
        let prompt = prompt(index % 9 + 1, UInt64(index))
        let generation = try engine.submit(try request(prompt, 4))
        group.addTask { await Collected(generation).tokens == model.greedy(after: prompt, count: 4) }
      }
      for try await isRight in group { #expect(isRight) }
    }
    #expect(engine.metrics.requestSuccess("length").value == 1000)
    #expect(engine.metrics.requestsRunning.value == 0 && engine.metrics.requestsWaiting.value == 0)
  }

  @Test func refusesWhatCanNeverRun() throws {
    let engine = try Engine(model: HashModel(contextLength: 20), configuration: smallConfiguration())
    func error(_ request: GenerationRequest) -> RequestError? {
      do throws(RequestError) {
        _ = try engine.submit(request)
        return nil
      } catch {
        return error
      }
    }
    #expect(error(try request([], 1)) == .emptyPrompt)
    #expect(error(try request([5, 97], 1)) == .tokenOutOfRange(token: 97, position: 1, vocabularySize: 97))
    #expect(error(try request([-1], 1)) == .tokenOutOfRange(token: -1, position: 0, vocabularySize: 97))
    #expect(error(try request(prompt(20, 1), nil)) == .promptTooLong(tokens: 20, limit: 19))
    try engine.check(request(prompt(20, 1), 0))
    #expect(error(try request(prompt(21, 1), 0)) == .promptTooLong(tokens: 21, limit: 20))
    let scores = GenerationRequest(prompt: [1], promptLogprobs: 21)
    #expect(error(scores)?.property == .promptLogprobs)
    let bias = GenerationRequest(prompt: [1], sampling: try SamplingParameters(logitBias: [97: 1]))
    #expect(error(bias)?.property == .logitBias)
    let long = GenerationRequest(prompt: [1], stop: try StopConditions(minTokens: 20))
    #expect(error(long)?.property == .minTokens)
    #expect(engine.metrics.admissionRejections("prompt_too_long").value == 2)
    #expect(engine.metrics.requestsWaiting.value == 0)
  }

  @Test func generatesToTheVeryEndOfTheContext() async throws {
    let model = HashModel(contextLength: 20)
    let engine = try Engine(model: model, configuration: smallConfiguration())
    for count in [1, 3, 4, 5, 19] {
      let prompt = prompt(count, 3)
      let collected = await Collected(try engine.submit(try request(prompt, nil)))
      #expect(collected.tokens == model.greedy(after: prompt, count: 20 - count) && collected.reason == .length)
      // More than there is room for means what there is room for.
      for more in [21 - count, .max] {
        let longer = await Collected(try engine.submit(try request(prompt, more)))
        #expect(longer.tokens == collected.tokens && longer.reason == .length)
      }
    }
  }

  @Test func stopTokensEndAGeneration() async throws {
    let model = HashModel()
    let prompt = prompt(6, 5)
    let expected = model.greedy(after: prompt, count: 30)
    let configuration = smallConfiguration { $0.endTokens = [expected[7]] }
    let engine = try Engine(model: model, configuration: configuration)
    let first = expected.firstIndex(of: expected[7]) ?? 7
    let ended = await Collected(try engine.submit(try request(prompt, 30)))
    #expect(ended.tokens == Array(expected.prefix(first + 1)) && ended.reason == .stop)
    let ignoring = GenerationRequest(
      prompt: prompt, sampling: .greedy,
      stop: try StopConditions(maxTokens: 30, stopTokenIDs: [expected[20]], ignoresEndTokens: true))
    let second = await Collected(try engine.submit(ignoring))
    let end = expected.firstIndex(of: expected[20]) ?? 20
    #expect(second.tokens == Array(expected.prefix(end + 1)) && second.reason == .stop)
    for token: Int32 in [-5, 97] {
      let stop = try StopConditions(stopTokenIDs: [token])
      #expect {
        try engine.submit(GenerationRequest(prompt: prompt, stop: stop))
      } throws: { ($0 as? RequestError)?.property == .stopTokenIDs }
    }
  }

  @Test func brokenLogitsEndOneGenerationAndNoOther() async throws {
    let model = HashModel(brokenToken: 96)
    let engine = try Engine(model: model, configuration: smallConfiguration())
    let broken = try engine.submit(try request([96], 5))
    let sound = try engine.submit(try request([1], 1))
    let collected = await Collected(broken)
    #expect(collected.reason == .notFinite && collected.tokens.isEmpty)
    #expect(await Collected(sound).reason == .length)
  }

  /// What a model computed before it gave no numbers is not used again: a passing fault of the machine's must not stay.
  @Test(arguments: [HashModel.Memory.paged, .recurrent, [.paged, .recurrent]])
  func nothingIsKeptOfASequenceThatFailed(memory: HashModel.Memory) async throws {
    let folder = try TemporaryFolder()
    let isBroken = Monitor(true)
    let model = FailingModel(HashModel(memory: memory)) { isBroken.withLock { $0 } }
    let engine = try Engine(
      model: model, configuration: smallConfiguration { $0.cacheFolder = CacheFolder(URL(filePath: folder.path)) })
    let (prompt, other) = (prompt(150, 3), self.prompt(40, 4))
    func answer(_ prompt: [Int32]) async throws -> Collected {
      await Collected(
        try engine.submit(
          GenerationRequest(
            prompt: prompt, sampling: .greedy, stop: StopConditions(maxTokens: 3), cacheScope: .shared,
            branches: [100])))
    }
    isBroken.withLock { $0 = false }
    _ = try await answer(other)
    isBroken.withLock { $0 = true }
    #expect(try await answer(prompt).reason == .notFinite)
    isBroken.withLock { $0 = false }
    let again = try await answer(prompt)
    #expect(again.reason == .length && again.statistics.cachedTokens == 0, "\(again.statistics.cachedTokens)")
    #expect(again.tokens == HashModel(memory: memory).greedy(after: prompt, count: 3))
    // What others left is still there.
    #expect(try await answer(other).statistics.cachedTokens == 39)
    #expect(engine.metrics.requestSuccess("not_finite").value == 1)
  }

  /// Others can see which step is under way, and that none is.
  @Test func theStepUnderWayIsSeen() async throws {
    let engineSeen = Monitor<(engine: Engine?, steps: [StepUnderWay?])>((nil, []))
    let model = HashModel { _ in
      engineSeen.withLock { $0.steps.append($0.engine?.stepUnderWay) }
    }
    let engine = try Engine(model: model, configuration: smallConfiguration { $0.maxBatchTokens = 64 })
    engineSeen.withLock { $0.engine = engine }
    #expect(engine.stepUnderWay == nil)
    _ = await Collected(try engine.submit(try request(prompt(100, 7), 2)))
    await engine.drain()
    let steps = engineSeen.withLock { seen in
      seen.engine = nil
      return seen.steps.compactMap { $0 }
    }
    #expect(steps.map(\.number) == [1, 2, 3] && steps.map(\.rows) == [64, 36, 1])
    #expect(steps.map(\.promptRows) == [64, 36, 0] && steps.map(\.longestSequence) == [64, 100, 101])
    #expect(steps.allSatisfy { $0.sequences == 1 && $0.start <= .now } && engine.stepUnderWay == nil)
  }

  @Test func configurationsThatCannotWorkAreRefused() throws {
    func name(_ change: (inout EngineConfiguration) -> Void, model: HashModel = HashModel()) -> ConfigurationError
      .Property?
    {
      do throws(ConfigurationError) {
        _ = try Engine(model: model, configuration: smallConfiguration(change))
        return nil
      } catch {
        return error.property
      }
    }
    #expect(name { $0.threads = 0 } == .threads)
    #expect(name { $0.maxBatchTokens = 7 } == .maxBatchTokens)
    #expect(name { $0.kvCacheMiB = 0 } == .kvCacheMiB)
    #expect(name { $0.stateCacheMiB = 0 } == .stateCacheMiB)
    #expect(name({ $0.stateCacheMiB = 0 }, model: HashModel(memory: .paged)) == nil)
    #expect(name({ $0.kvCacheMiB = 0 }, model: HashModel(memory: .recurrent)) == nil)
    #expect(name { $0.maxContext = 1 } == .maxContext)
  }
}

/// A model that gives no numbers while it is told to.
private struct FailingModel: LanguageModel {
  let model: HashModel
  let fails: @Sendable () -> Bool

  init(_ model: HashModel, fails: @escaping @Sendable () -> Bool) { (self.model, self.fails) = (model, fails) }

  var vocabularySize: Int { model.vocabularySize }
  var contextLength: Int { model.contextLength }
  var stateLayout: StateLayout { model.stateLayout }
  var fingerprint: ModelFingerprint? { model.fingerprint }

  func forward(_ step: borrowing Step, logits: inout MutableRows) {
    model.forward(step, logits: &logits)
    guard fails() else { return }
    for row in 0..<logits.count {
      var values = logits.row(row)
      for index in values.indices { values[index] = .nan }
    }
  }
}
