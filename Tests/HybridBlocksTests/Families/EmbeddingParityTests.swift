import Foundation
import HybridBlocks
import InferCore
import InferText
import TestSupport
import Testing

/// Pooled hidden states are those of the reference implementation.
@Suite struct EmbeddingParityTests {
  private static let fixtures = [
    "llama", "qwen3", "granitemoehybrid", "falcon_h1", "zamba2", "mamba2", "lfm2",
  ].map(ParityFixture.init)

  private static func cosine(_ a: [Float], _ b: [Float]) -> Double {
    func dot(_ a: [Float], _ b: [Float]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
    return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
  }

  /// Steps of 7 rows cut all prompts, and run them side by side and beside answers; with few pages some lose theirs on the
  /// way.
  @Test(arguments: fixtures, [512, 7]) func vectorsAreThoseOfTheReference(
    _ fixture: ParityFixture, rows: Int
  ) async throws {
    let model = try fixture.load("config.json")
    let prompts = try fixture.reference().prompts
    let expected = try Fixtures.tensors(fixture.folder.appending(path: "embeddings.safetensors"))
    var configuration = EngineConfiguration()
    configuration.kvType = .f32
    configuration.pageTokens = 2
    configuration.maxRunning = 7
    configuration.maxBatchTokens = rows
    if rows == 7 { configuration.pageLimit = (prompts.map(\.count).max() ?? 0) / 2 + 8 }
    let engine = try Engine(model: model, configuration: configuration)
    let stop = try StopConditions(maxTokens: 4, ignoresEndTokens: true)
    let others = try engine.submit(prompts.map { GenerationRequest(prompt: $0, sampling: .greedy, stop: stop) })
    for pooling in [Pooling.mean, .last, .last] {
      let embeddings = try await engine.embed(prompts, pooling: pooling)
      for (index, embedding) in embeddings.enumerated() {
        let tensor = try #require(expected["\(pooling.rawValue).\(index)"])
        #expect(Self.cosine(embedding.values, try tensor.floats()) > 1 - 1e-4, "\(pooling) of prompt \(index)")
        #expect(embedding.values.count == model.hiddenWidth && embedding.statistics.generatedTokens == 0)
        #expect(embedding.statistics.promptTokens == prompts[index].count)
      }
    }
    let reference = try fixture.reference()
    for (index, generation) in others.enumerated() {
      var tokens: [Int32] = []
      for await case .token(let token) in generation { tokens.append(token.id) }
      let sure = reference.margins[index].prefix(4).prefix { $0 > 0.01 }.count
      #expect(tokens.prefix(sure).elementsEqual(reference.greedy[index].prefix(sure)))
    }
    await engine.shutdown()
  }

  @Test func firstAndLastOfOneTokenAreTheSame() async throws {
    let model = try ParityFixture("qwen3").load("config.json")
    var configuration = EngineConfiguration()
    configuration.kvType = .f32
    let engine = try Engine(model: model, configuration: configuration)
    let first = try await engine.embed([[5, 6, 7], [5]], pooling: .cls)
    let last = try await engine.embed([[5]], pooling: .last)
    #expect(Self.cosine(first[0].values, last[0].values) > 1 - 1e-6 && first[1].values == last[0].values)
    #expect(try await engine.embed([], pooling: .mean).isEmpty)
    var request = GenerationRequest(prompt: [5])
    request.pooling = .mean
    #expect(throws: RequestError.self) { try engine.check(request) }
    await #expect(throws: RequestError.self) { try await engine.embed([[]], pooling: .mean) }
    await engine.shutdown()
    await #expect(throws: RequestError.self) { try await engine.embed([[5]], pooling: .mean) }
  }
}
