import Foundation
import HybridBlocks
import InferCore
import InferMetrics
import TestSupport
import Testing

/// State in files, of a model that several ranks compute: each has its part in a file of its own.
@Suite(.timeLimit(.minutes(10))) struct RankedStateTests {
  private static func configuration(_ folder: TemporaryFolder) -> EngineConfiguration {
    var configuration = EngineConfiguration()
    configuration.threads = 1
    configuration.kvType = .f32
    configuration.pageTokens = 4
    configuration.pageLimit = 120
    configuration.maxBatchTokens = 24
    configuration.maxRunning = 4
    configuration.cacheFolder = CacheFolder(folder.url)
    return configuration
  }

  private static let prompt = (0..<60).map { Int32($0 * 29 % 500 + 3) }

  private func answer(
    _ engine: Engine, _ prompt: [Int32] = prompt, scope: CacheScope = .shared
  ) async throws -> (tokens: [Int32], cached: Int) {
    let generation = try engine.submit(
      GenerationRequest(
        prompt: prompt, sampling: .greedy, stop: try StopConditions(maxTokens: 8, ignoresEndTokens: true),
        cacheScope: scope, branches: [50]))
    var (tokens, cached): ([Int32], Int) = ([], 0)
    for await event in generation {
      switch event {
      case .promptScores, .pooled: break
      case .token(let token): tokens.append(token.id)
      case .finished(_, let statistics): cached = statistics.cachedTokens
      }
    }
    return (tokens, cached)
  }

  private func names(_ folder: TemporaryFolder) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
  }

  private func parts(_ folder: TemporaryFolder) throws -> (own: [String], others: [String]) {
    let names = try names(folder)
    return (names.filter { $0.hasSuffix(".state") }, names.filter { $0.hasSuffix(".rank1") })
  }

  /// A job that is started again goes on from what the one before left, with the same tokens, and gives all of it up when it
  /// is told to.
  @Test(arguments: [1, 2]) func aRestartIsWarm(stages: Int) async throws {
    let folder = try TemporaryFolder()
    let first = try RankedJob(stages: stages, Self.configuration(folder))
    let cold = try await answer(first.engine)
    let salted = CacheScope(salt: Array("s".utf8))
    _ = try await answer(first.engine, scope: salted)
    await first.engine.drain()
    try await first.shutDown()
    let (own, others) = try parts(folder)
    #expect(cold.cached == 0 && !own.isEmpty && others == own.map { $0 + ".rank1" })

    let second = try RankedJob(stages: stages, Self.configuration(folder))
    for scope in [CacheScope.shared, salted] {
      let warm = try await answer(second.engine, scope: scope)
      #expect(warm.tokens == cold.tokens && warm.cached >= 50, "\(warm.cached) tokens are there")
    }
    #expect(second.engine.metrics.prefixCacheDiskLoads.value > 0)
    await second.engine.resetPrefixCache()
    #expect(try await answer(second.engine).cached == 0)
    await second.engine.drain()
    try await second.shutDown()
    // What was removed, and what has been written since.
    #expect(try parts(folder).others == parts(folder).own.map { $0 + ".rank1" })

    // A job of another kind finds nothing.
    let other = try RankedJob(stages: 3 - stages, Self.configuration(folder))
    let elsewhere = try await answer(other.engine)
    #expect(elsewhere.cached == 0 && elsewhere.tokens == cold.tokens)
    try await other.shutDown()
  }

  /// Where a rank's part is damaged or gone, the state is computed again, and no part is left of what nobody can use.
  @Test(arguments: [false, true]) func aPartThatIsLostIsComputedAgain(isDamaged: Bool) async throws {
    let folder = try TemporaryFolder()
    let first = try RankedJob(stages: 1, Self.configuration(folder))
    let cold = try await answer(first.engine)
    await first.engine.drain()
    try await first.shutDown()
    for name in try parts(folder).others {
      let file = folder.url.appending(component: name)
      if isDamaged {
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count - 40] ^= 1
        try bytes.write(to: file)
      } else {
        try FileManager.default.removeItem(at: file)
      }
    }
    var configuration = Self.configuration(folder)
    let warnings = Monitor<[String]>([])
    configuration.cacheFolder?.warn = { text in warnings.change { $0.append(text) } }
    let second = try RankedJob(stages: 1, configuration)
    let again = try await answer(second.engine)
    #expect(again.tokens == cold.tokens && again.cached == 0)
    let text = try #require(warnings.withLock { $0.first })
    #expect(text.contains("rank 1: "), "\(text)")
    await second.engine.drain()
    try await second.shutDown()
    #expect(try parts(folder).others == parts(folder).own.map { $0 + ".rank1" })
  }

  /// Parts that rank 0 knows nothing of go when a job starts.
  @Test func partsOfNobodyAreRemoved() async throws {
    let folder = try TemporaryFolder()
    let names = ["0.state.rank1", "0.state.rank1.partial-x", "1.state.rank2", "notes.rank1"]
    for name in names { try Data([1]).write(to: folder.url.appending(component: name)) }
    let job = try RankedJob(stages: 1, Self.configuration(folder))
    _ = try await answer(job.engine)
    await job.engine.drain()
    try await job.shutDown()
    let left = try self.names(folder)
    #expect(names.filter(left.contains) == ["1.state.rank2", "notes.rank1"])
  }

  /// Files are written while memory is short: loans are taken back, and answers are those of an engine that keeps nothing.
  @Test(arguments: [1, 2]) func shortMemoryIsRight(stages: Int) async throws {
    let folder = try TemporaryFolder()
    var configuration = Self.configuration(folder)
    configuration.pageLimit = 40
    let prompts = (0..<12).map { seed -> [Int32] in
      let end: [Int32] = (0..<15).map { Int32(($0 * 31 + seed * 7) % 500 + 3) }
      return Self.prompt.prefix(40) + end
    }
    let job = try RankedJob(stages: stages, configuration)
    let answers = try await withThrowingTaskGroup(of: (Int, [Int32]).self) { group in
      for (index, prompt) in prompts.enumerated() {
        group.addTask { (index, try await answer(job.engine, prompt).tokens) }
      }
      return try await group.reduce(into: [Int: [Int32]]()) { $0[$1.0] = $1.1 }
    }
    await job.engine.drain()
    try await job.shutDown()
    configuration.cacheFolder = nil
    configuration.keepsPrefixes = false
    let plain = try RankedJob(stages: stages, configuration)
    for (index, prompt) in prompts.enumerated() {
      #expect(try await answer(plain.engine, prompt).tokens == answers[index], "prompt \(index)")
    }
    try await plain.shutDown()
  }

  /// A prefix is saved to a file and restored from it by another job; the other rank's part is beside it.
  @Test func aSavedStateIsRestored() async throws {
    let folder = try TemporaryFolder()
    var configuration = Self.configuration(folder)
    configuration.cacheFolder = nil
    let file = folder.url.appending(component: "talk.session")
    let first = try RankedJob(stages: 1, configuration)
    let cold = try await answer(first.engine)
    let saved = try await first.engine.save(Self.prompt, to: file)
    try await first.shutDown()
    let second = try RankedJob(stages: 1, configuration)
    #expect(try await second.engine.restore(from: file) == saved)
    let warm = try await answer(second.engine)
    #expect(warm.tokens == cold.tokens && warm.cached >= 50)
    #expect(second.engine.removeState(at: file) && !second.engine.removeState(at: file))
    try await second.shutDown()
    #expect(try names(folder).isEmpty)

    // A file without its other part is refused, and changes nothing.
    let third = try RankedJob(stages: 1, configuration)
    _ = try await answer(third.engine)
    _ = try await third.engine.save(Self.prompt, to: file)
    await third.engine.resetPrefixCache()
    try FileManager.default.removeItem(atPath: file.path + ".rank1")
    let refusal = await #expect(throws: StateFileError.self) { try await third.engine.restore(from: file) }
    #expect(refusal?.description.contains("rank 1: there is no file") == true, "\(refusal?.description ?? "")")
    #expect(try await answer(third.engine).cached == 0)
    try await third.shutDown()
  }
}
