import Foundation
import InferMetrics
import TestSupport
import Testing

@testable import InferCore

@Suite(.timeLimit(.minutes(10))) struct PromptScoreTests {
  private func prompt(_ count: Int, _ seed: UInt64) -> [Int32] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Int32.random(in: 0..<97, using: &random) }
  }

  private func request(_ prompt: [Int32], top: Int?, count: Int?) throws -> GenerationRequest {
    GenerationRequest(
      prompt: prompt, sampling: .greedy, stop: try StopConditions(maxTokens: count), promptLogprobs: top)
  }

  /// What the model's logits say of every token behind the first.
  private func check(_ scores: [PromptTokenScore], _ prompt: [Int32], _ model: HashModel, top: Int) {
    #expect(scores.map(\.id) == Array(prompt.dropFirst()))
    for (position, score) in scores.enumerated() {
      let row = model.logits(after: Array(prompt[...position]))
      let total = log(row.reduce(0.0) { $0 + exp(Double($1)) })
      let order = row.indices.sorted { (row[$1], $0) < (row[$0], $1) }
      #expect(abs(Double(score.logprobs.chosen) - (Double(row[Int(score.id)]) - total)) < 1e-4)
      #expect(order.firstIndex(of: Int(score.id)) == score.rank - 1)
      #expect(score.logprobs.top.map(\.id) == order.prefix(top).map { Int32($0) })
      for best in score.logprobs.top { #expect(abs(Double(best.logprob) - (Double(row[Int(best.id)]) - total)) < 1e-4) }
    }
  }

  /// Scores are those of the whole prompt, however it is cut and whoever runs beside; tokens stay what they are.
  @Test(arguments: [HashModel.Memory.paged, .recurrent]) func scoresAreThoseOfTheWholePrompt(
    memory: HashModel.Memory
  ) async throws {
    let model = HashModel(memory: memory)
    let engine = try Engine(model: model, configuration: smallConfiguration())
    let prompts = (0..<24).map { prompt(Int($0 * 11 % 60) + 1, UInt64($0)) }
    let generations = try prompts.enumerated().map { index, prompt in
      try engine.submit(request(prompt, top: index % 4 == 3 ? nil : index % 4, count: index % 5))
    }
    for (index, generation) in generations.enumerated() {
      let collected = await Collected(generation)
      #expect(collected.reason == .length && collected.tokens == model.greedy(after: prompts[index], count: index % 5))
      #expect(collected.statistics.generatedTokens == index % 5)
      if index % 4 == 3 {
        #expect(collected.scores.isEmpty)
      } else {
        check(collected.scores, prompts[index], model, top: index % 4)
      }
    }
    #expect(engine.metrics.promptTokens.value == prompts.reduce(0) { $0 + $1.count })
  }

  /// There are pages for two sequences: the others lose theirs, and each token is scored once all the same.
  @Test func preemptedPromptsAreScoredOnce() async throws {
    let model = HashModel(contextLength: 64, heads: 512)
    let configuration = smallConfiguration { ($0.kvType, $0.pageLimit, $0.maxBatchTokens) = (.f32, 32, 8) }
    let engine = try Engine(model: model, configuration: configuration)
    #expect(engine.limits.pageCount == 32)
    let prompts = (0..<12).map { prompt(20, UInt64($0)) }
    let generations = try prompts.map { try engine.submit(try request($0, top: 2, count: 40)) }
    var preemptions = 0
    for (prompt, generation) in zip(prompts, generations) {
      let collected = await Collected(generation)
      preemptions += collected.statistics.preemptions
      check(collected.scores, prompt, model, top: 2)
      #expect(collected.tokens == model.greedy(after: prompt, count: 40))
    }
    #expect(preemptions > 0)
  }

  /// A prompt may fill the context when nothing is to follow.
  @Test func aPromptThatIsOnlyReadMayFillTheContext() async throws {
    let model = HashModel(contextLength: 20)
    let engine = try Engine(model: model, configuration: smallConfiguration())
    let prompt = prompt(20, 1)
    let collected = await Collected(try engine.submit(request(prompt, top: 0, count: 0)))
    check(collected.scores, prompt, model, top: 0)
    #expect(collected.tokens.isEmpty && collected.reason == .length && collected.statistics.prefillTime > .zero)
    #expect(collected.statistics.timeToFirstToken == nil)
    #expect(await Collected(try engine.submit(request([5], top: nil, count: 0))).reason == .length)
  }

  /// Logits of a step take a bounded amount of memory, however long prompts are.
  @Test func rowsOfAStepAreBounded() async throws {
    let rows = Monitor((most: 0, scored: 0))
    let model = HashModel(vocabularySize: 1 << 19, contextLength: 200) { plan in
      rows.withLock { $0 = (max($0.most, plan.logitRowCount), $0.scored + plan.logitRowCount) }
    }
    let engine = try Engine(model: model, configuration: smallConfiguration { $0.maxBatchTokens = 64 })
    let generations = try (0..<2).map { try engine.submit(request(prompt(20, $0), top: 1, count: 0)) }
    for generation in generations { #expect(await Collected(generation).scores.count == 19) }
    // 16 rows of 2 MiB, and one for each of the two sequences.
    #expect(rows.withLock { $0.most } <= 18 && rows.withLock { $0.scored } == 40)
  }

  @Test func brokenLogitsEndTheRequest() async throws {
    let engine = try Engine(model: HashModel(brokenToken: 96), configuration: smallConfiguration())
    let collected = await Collected(try engine.submit(request([1, 96, 2, 3], top: 1, count: 0)))
    #expect(collected.reason == .notFinite)
    let rest = await Collected(try engine.submit(request(Array(repeating: 96, count: 60), top: 1, count: 3)))
    #expect(rest.reason == .notFinite && rest.tokens.isEmpty)
  }
}
