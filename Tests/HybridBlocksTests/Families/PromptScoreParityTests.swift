import Foundation
import HybridBlocks
import InferCore
import Testing

/// What an engine reports of prompts' tokens is what the reference's logits say of them.
@Suite struct PromptScoreParityTests {
  /// Steps of 7 rows cut all prompts, and run them side by side; with few pages some lose theirs on the way.
  @Test(arguments: ParityFixture.all, [512, 7]) func scoresAreThoseOfTheReference(
    _ fixture: ParityFixture, rows: Int
  ) async throws {
    let model = try fixture.load("config.json")
    let reference = try fixture.reference()
    var configuration = EngineConfiguration()
    configuration.kvType = .f32
    configuration.pageTokens = 2
    configuration.maxRunning = 5
    configuration.maxBatchTokens = rows
    if rows == 7 {
      let longest = reference.prompts.map(\.count).max() ?? 0
      let rows = PageRows(pageTokens: 2, windows: model.stateLayout.pageGroups.windows)
      configuration.pageLimit = rows.pageCount(for: longest + 6, run: 2) + 5 * rows.groupCount
    }
    let engine = try Engine(model: model, configuration: configuration)
    let stop = try StopConditions(maxTokens: rows == 7 ? 4 : 0, ignoresEndTokens: true)
    let generations = try engine.submit(
      reference.prompts.map { GenerationRequest(prompt: $0, sampling: .greedy, stop: stop, promptLogprobs: 3) })
    for (index, generation) in generations.enumerated() {
      var scores: [PromptTokenScore] = []
      for await case .promptScores(let more) in generation { scores += more }
      let prompt = reference.prompts[index]
      #expect(scores.map(\.id) == Array(prompt.dropFirst()))
      for (position, score) in scores.enumerated() {
        let row = reference.logits[index][position * model.vocabularySize..<(position + 1) * model.vocabularySize]
          .map(Double.init)
        let most = row.max() ?? 0
        let total = most + log(row.reduce(0) { $0 + exp($1 - most) })
        let spread = (row.reduce(0) { $0 + $1 * $1 } / Double(row.count)).squareRoot()
        let tolerance = 2 * Double(fixture.tolerance) * max(1, spread)
        #expect(abs(Double(score.logprobs.chosen) - (row[Int(score.id)] - total)) < tolerance)
        for (place, best) in zip(row.sorted(by: >), score.logprobs.top) {
          #expect(abs(Double(best.logprob) - (place - total)) < tolerance)
        }
      }
    }
    await engine.shutdown()
  }
}
