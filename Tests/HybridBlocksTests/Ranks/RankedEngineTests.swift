import HybridBlocks
import InferCore
import TestSupport
import Testing

/// An engine whose model several ranks compute, each with state of its own.
@Suite struct RankedEngineTests {
  /// Whatever moves state about: shared prefixes, copies of pages, captured states, preemption, and memory that the system
  /// gets back.
  @Test(arguments: [1, 2]) func tokensAreThoseOfAnEngineThatIsAlone(stages: Int) async throws {
    var configuration = EngineConfiguration()
    configuration.threads = 1
    configuration.kvType = .f32
    configuration.pageTokens = 4
    // Four sequences of 84 tokens that share 40 take 54 pages.
    configuration.pageLimit = 40
    configuration.maxBatchTokens = 24
    configuration.maxRunning = 4
    configuration.reservesActivations = true
    let alone = try await Self.answers(
      of: Engine(model: try loadModel(at: Fixtures.tinyModel).model, configuration: configuration))
    let job = try RankedJob(stages: stages, configuration)
    let divided = try await Self.answers(of: job.engine)
    try await job.shutDown()
    #expect(divided.tokens == alone.tokens)
    #expect(divided.preemptions > 0 && divided.reused > 0)
  }

  @Test func aFollowerThatHearsNothingNamesRankZero() async throws {
    let ranks = LocalCommunicator.ranks(2, patience: .milliseconds(100))
    var configuration = EngineConfiguration()
    configuration.threads = 1
    let grid = RankGrid(ranks[1])
    configuration.ranks = grid
    try ranks[0].broadcast(StoreShape.bytes(pages: 4, slots: 2, coldSlots: 0), within: nil)
    let follower = try RankFollower(model: try RankedJob.share(of: grid), configuration: configuration)
    await #expect(throws: RankError.silent(rank: 0, after: .milliseconds(100))) { try await follower.run() }
  }

  @Test func ranksWithOtherPropertiesAreNamed() throws {
    let errors = try onRanks(3) { ranks -> RankError? in
      do throws(RankError) {
        try ranks.checkEqual(
          [("build", "a"), ("model", ranks.rank == 2 ? "other" : "one")], within: .seconds(30))
        return nil
      } catch { return error }
    }
    let expected = RankError.different(rank: 2, property: "model", value: "other", expected: "one")
    #expect(errors == [expected, expected, expected])
    #expect(expected.description == "rank 2 has another model than rank 0: other, expected one")
  }

  /// The answers to prompts that begin alike, in two waves, which the engine ends with.
  private static func answers(
    of engine: Engine
  ) async throws -> (tokens: [[Int32]], preemptions: Int, reused: Int) {
    let beginning = (0..<40).map { Int32($0 * 29 % 500 + 3) }
    let prompts = (0..<6).map { prompt in
      let end: [Int32] = (0..<20).map { Int32(($0 * 31 + prompt * 7) % 500 + 3) }
      return beginning + end
    }
    var (tokens, preemptions, reused): ([[Int32]], Int, Int) = ([], 0, 0)
    for wave in [prompts, prompts.map { $0 + [5, 6, 7] }] {
      let stop = try StopConditions(maxTokens: 24, ignoresEndTokens: true)
      let generations = try engine.submit(
        wave.map { GenerationRequest(prompt: $0, sampling: .greedy, stop: stop) })
      for generation in generations {
        var answer: [Int32] = []
        for await event in generation {
          switch event {
          case .promptScores, .pooled: break
          case .token(let token): answer.append(token.id)
          case .finished(_, let statistics):
            preemptions += statistics.preemptions
            reused += statistics.cachedTokens
          }
        }
        tokens.append(answer)
      }
    }
    await engine.resetPrefixCache()
    return (tokens, preemptions, reused)
  }
}
