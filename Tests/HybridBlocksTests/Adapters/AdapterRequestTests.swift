import Foundation
import InferText
import TestSupport
import Testing

@testable import HybridBlocks
@testable import InferCore

/// Requests that choose adapters, of an engine.
@Suite struct AdapterRequestTests {
  private func engine() throws -> Engine {
    var options = LoadOptions()
    options.adapters = AdapterFixture.all[..<2].map(\.adapter)
    var configuration = EngineConfiguration()
    (configuration.kvCacheMiB, configuration.stateCacheMiB, configuration.threads) = (1, 1, 2)
    return try Engine(loadModel(at: AdapterFixture.all[0].base, options: options), configuration: configuration)
  }

  private func answer(
    _ engine: Engine, _ prompt: [Int32], _ adapter: String?
  ) async throws -> (tokens: [Int32], cached: Int) {
    var request = GenerationRequest(
      prompt: prompt, sampling: .greedy, stop: try StopConditions(maxTokens: 12, ignoresEndTokens: true))
    request.adapter = adapter
    var (tokens, cached) = ([Int32](), -1)
    for try await event in try engine.submit(request) {
      switch event {
      case .token(let token): tokens.append(token.id)
      case .finished(_, let statistics): cached = statistics.cachedTokens
      default: break
      }
    }
    return (tokens, cached)
  }

  /// What an adapter's sequences leave behind is found by others of the same adapter alone.
  @Test func prefixesAreOfOneAdapter() async throws {
    let prompt = (0..<60).map { Int32($0 * 37 % 256) }
    let adapters: [String?] = [nil, "llama_a", "llama_b"]
    var cold: [[Int32]] = []
    for adapter in adapters { cold.append(try await answer(engine(), prompt, adapter).tokens) }
    #expect(Set(cold).count == 3)
    let engine = try engine()
    for (adapter, cold) in zip(adapters, cold) {
      let first = try await answer(engine, prompt, adapter)
      #expect(first.tokens == cold)
      #expect(first.cached == 0)
      let second = try await answer(engine, prompt, adapter)
      #expect(second.tokens == cold)
      #expect(second.cached > 50)
    }
  }

  /// Together in one engine, requests answer as alone.
  @Test func requestsAnswerAsAlone() async throws {
    let (engine, adapters) = (try engine(), [nil, "llama_a", "llama_b", "llama_a", nil])
    let prompts = adapters.indices.map { index in (0..<20 + index).map { Int32(($0 * 31 + index * 7) % 256) } }
    var alone: [[Int32]] = []
    for (prompt, adapter) in zip(prompts, adapters) { alone.append(try await answer(engine, prompt, adapter).tokens) }
    await engine.resetPrefixCache()
    let together = try await withThrowingTaskGroup(of: (Int, [Int32]).self) { group in
      for (index, prompt) in prompts.enumerated() {
        group.addTask { (index, try await self.answer(engine, prompt, adapters[index]).tokens) }
      }
      return try await group.reduce(into: [Int: [Int32]]()) { $0[$1.0] = $1.1 }
    }
    for (index, tokens) in alone.enumerated() { #expect(together[index] == tokens) }
  }

  @Test func unknownAdaptersAreRefused() throws {
    var request = GenerationRequest(prompt: [1, 2, 3])
    request.adapter = "other"
    let error = #expect(throws: RequestError.self) { try engine().check(request) }
    #expect(error?.property == .adapter)
    #expect("\(error, default: "")".contains(#"is "other", expected one of "llama_a", "llama_b""#))
    let plain = try Engine(loadModel(at: AdapterFixture.all[0].base))
    #expect(throws: RequestError.self) { try plain.check(request) }
  }
}
