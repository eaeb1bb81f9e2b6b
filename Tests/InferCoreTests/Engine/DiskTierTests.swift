import Foundation
import InferMetrics
import TestSupport
import Testing

@testable import InferCore

@Suite(.timeLimit(.minutes(10))) struct DiskTierTests {
  private final class Warnings: Sendable {
    let all = Monitor<[String]>([])
  }

  private func engine(
    _ model: HashModel, _ path: String, _ warnings: Warnings = Warnings(),
    _ change: (inout EngineConfiguration) -> Void = { _ in }
  ) throws -> Engine {
    try Engine(
      model: model,
      configuration: smallConfiguration {
        $0.cacheFolder = CacheFolder(URL(filePath: path)) { text in warnings.all.withLock { $0.append(text) } }
        change(&$0)
      })
  }

  private func prompt(_ count: Int, _ seed: UInt64) -> [Int32] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Int32.random(in: 0..<97, using: &random) }
  }

  private func answer(
    _ engine: Engine, _ prompt: [Int32], scope: CacheScope? = .shared, branches: [Int] = []
  ) async throws -> (tokens: [Int32], cached: Int) {
    let request = GenerationRequest(
      prompt: prompt, sampling: .greedy, stop: try StopConditions(maxTokens: 6), cacheScope: scope, branches: branches)
    let collected = await Collected(try engine.submit(request))
    return (collected.tokens, collected.statistics.cachedTokens)
  }

  /// A new engine on the same folder goes on from what the one before left, with the tokens that cold gives, for every
  /// kind of state and format.
  @Test(arguments: [HashModel.Memory.paged, .recurrent, [.paged, .recurrent]], [KVType.f32, .f16])
  func aRestartIsWarm(memory: HashModel.Memory, type: KVType) async throws {
    let folder = try TemporaryFolder()
    let model = HashModel(memory: memory)
    let system = prompt(203, 1)
    let first = try engine(model, folder.path) { $0.kvType = type }
    for seed in UInt64(2)..<5 { _ = try await answer(first, system + prompt(9, seed), branches: [203]) }
    await first.drain()
    #expect(first.metrics.prefixCacheDiskWrites.value > 0 && first.metrics.prefixCacheDiskDrops.value == 0)

    let second = try engine(model, folder.path) { $0.kvType = type }
    for seed in UInt64(4)..<8 {
      let prompt = system + prompt(9, seed)
      let (tokens, cached) = try await answer(second, prompt)
      #expect(tokens == model.greedy(after: prompt, count: 6))
      #expect(cached >= (seed == 4 ? 211 : 203), "\(cached) tokens are there")
    }
    #expect(second.metrics.prefixCacheDiskLoadedTokens.value >= 200)
    // Another salt's requests find nothing.
    #expect(try await answer(second, system + prompt(9, 4), scope: CacheScope(salt: [1])).cached == 0)
    await second.resetPrefixCache()
    #expect(folder.files.isEmpty && second.metrics.kvCacheUsage.value == 0)
    #expect(try await answer(second, system).cached == 0)
  }

  /// Engines of another model, and with another format, find nothing, and do one another no harm.
  @Test func othersFindNothing() async throws {
    let folder = try TemporaryFolder()
    let text = prompt(100, 1)
    let first = try engine(HashModel(), folder.path)
    _ = try await answer(first, text)
    await first.drain()
    for (model, type) in [(HashModel(name: "other"), KVType.f16), (HashModel(), .f32)] {
      let other = try engine(model, folder.path) { $0.kvType = type }
      #expect(try await answer(other, text).cached == 0)
      await other.drain()
    }
    let again = try engine(HashModel(), folder.path)
    #expect(try await answer(again, text).cached == 99)
  }

  /// Whatever happens to the files, tokens are right; what is damaged is removed and written anew.
  @Test func aDamagedFileIsAMiss() async throws {
    let folder = try TemporaryFolder()
    let model = HashModel()
    let text = prompt(100, 1)
    let first = try engine(model, folder.path)
    _ = try await answer(first, text)
    await first.drain()
    let names = folder.files
    #expect(names.count >= 2)
    let warnings = Warnings()
    let second = try engine(model, folder.path, warnings)
    for name in names {
      var bytes = try folder.read(name)
      bytes[bytes.count - 40] ^= 1
      try folder.write(name, bytes)
    }
    let (tokens, cached) = try await answer(second, text)
    #expect(tokens == model.greedy(after: text, count: 6) && cached == 0)
    #expect(second.metrics.prefixCacheDiskFailures("read").value == 1 && warnings.all.withLock { $0.count } == 1)
    await second.drain()
    let third = try engine(model, folder.path)
    #expect(try await answer(third, text).cached == 99)
  }

  /// A folder that cannot be is warned of, and requests are served.
  @Test func withoutAFolderRequestsAreServed() async throws {
    let folder = try TemporaryFolder()
    try folder.write("file", [1])
    let warnings = Warnings()
    let engine = try engine(HashModel(), folder.path + "/file", warnings)
    let text = prompt(50, 1)
    for _ in 0..<3 {
      #expect(try await answer(engine, text).tokens == HashModel().greedy(after: text, count: 6))
    }
    await engine.drain()
    #expect(engine.metrics.prefixCacheDiskFailures("write").value >= 1)
    #expect(warnings.all.withLock { $0.count } == 1 && folder.files == ["file"])
  }

  /// Hundreds of requests that branch off from each other, in memory for two of them and a folder for some: the engine
  /// lends, takes back, loads and evicts, and every answer is that of cold.
  @Test(arguments: [HashModel.Memory.paged, [.paged, .recurrent]]) func tightMemoryIsRight(memory: HashModel.Memory)
    async throws
  {
    let folder = try TemporaryFolder()
    let model = HashModel(memory: memory)
    var random = SeededGenerator(seed: 9)
    for round in 0..<2 {
      let engine = try engine(model, folder.path) {
        $0.pageLimit = 60
        $0.maxRunning = 4
        $0.maxContext = 120
      }
      var texts: [[Int32]] = [prompt(40, 1)]
      for _ in 0..<25 {
        var wanted: [[Int32]] = []
        for _ in 0..<4 {
          let base = texts.randomElement(using: &random) ?? []
          let text =
            base.prefix(Int.random(in: 1...base.count, using: &random))
            + prompt(Int.random(in: 1...20, using: &random), UInt64(round))
          wanted.append(Array(text.prefix(100)))
        }
        texts += wanted
        let answers = try await withThrowingTaskGroup(of: ([Int32], [Int32]).self) { group in
          for text in wanted { group.addTask { (text, try await self.answer(engine, text).tokens) } }
          return try await group.reduce(into: []) { $0.append($1) }
        }
        for (text, tokens) in answers { #expect(tokens == model.greedy(after: text, count: 6)) }
      }
      await engine.drain()
      // Nothing stays lent.
      await engine.resetPrefixCache()
      #expect(engine.metrics.prefixCacheEntries("kv").value == 0 && engine.metrics.kvCacheUsage.value == 0)
    }
  }
}
