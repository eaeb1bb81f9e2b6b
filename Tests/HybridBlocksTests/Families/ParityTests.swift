import Foundation
import HybridBlocks
import InferCore
import InferText
import TestSupport
import Testing

/// Every family against logits of Hugging Face transformers (see `Tests/Fixtures/parity/README.md`).
@Suite struct ParityTests {
  /// How a prompt reaches the model.
  enum Form: Sendable, CaseIterable {
    case whole, chunksOf1, chunksOf5, chunksOf16, batched

    var chunk: Int {
      switch self {
      case .whole, .batched: 1 << 20
      case .chunksOf1: 1
      case .chunksOf5: 5
      case .chunksOf16: 16
      }
    }
  }

  @Test(arguments: ParityFixture.all, Form.allCases)
  func everyLogitOfEveryPromptMatches(_ fixture: ParityFixture, _ form: Form) throws {
    for config in fixture.configurations {
      let model = try fixture.load(config)
      let reference = try fixture.reference()
      let computed =
        form == .batched
        ? try logits(model, reference.prompts, chunk: form.chunk)
        : try reference.prompts.flatMap { try logits(model, [$0], chunk: form.chunk) }
      for (index, (got, expected)) in zip(computed, reference.logits).enumerated() {
        let tolerance = fixture.tolerance * max(1, standardDeviation(expected))
        let worst = zip(got, expected).map { abs($0 - $1) }.max() ?? .infinity
        #expect(got.count == expected.count)
        #expect(worst <= tolerance, "\(fixture.name)/\(config), prompt \(index), \(form)")
      }
    }
  }

  @Test(arguments: ParityFixture.all)
  func greedyTokensMatchWhereTheMarginIsClear(_ fixture: ParityFixture) throws {
    let model = try fixture.load("config.json")
    let reference = try fixture.reference()
    for (index, prompt) in reference.prompts.enumerated() {
      var tokens = prompt
      for (expected, margin) in zip(reference.greedy[index], reference.margins[index]) {
        let last = try logits(model, [tokens], chunk: 1 << 20)[0].suffix(model.vocabularySize)
        let best = last.indices.max { (last[$0], $1) < (last[$1], $0) }.map { Int32($0 - last.startIndex) }
        if margin > 0.01 { #expect(best == expected, "prompt \(index) after \(tokens.count) tokens") }
        tokens.append(expected)
      }
    }
  }

  @Test func oneThreadAndTwoGiveTheSameTokens() throws {
    let fixture = ParityFixture("hunyuan_t1")
    let model = try fixture.load("config.json")
    let prompts = try fixture.reference().prompts
    let one = try logits(model, prompts, chunk: 1 << 20, threads: 1)
    let two = try logits(model, prompts, chunk: 1 << 20, threads: 2)
    #expect(one == two)
  }

  /// Logits of every position of every prompt, computed together, `chunk` tokens of each at a time.
  private func logits(
    _ model: any LanguageModel, _ prompts: [[Int32]], chunk: Int, threads: Int = 2
  ) throws -> [[Float]] {
    let longest = prompts.map(\.count).max() ?? 0
    let runner = try StepRunner(
      model: model, sequences: prompts.count, length: longest, kvType: .f32, threads: threads)
    var result = Array(repeating: [Float](), count: prompts.count)
    for first in stride(from: 0, to: longest, by: chunk) {
      let parts = prompts.indices.compactMap { index -> StepRunner.Part? in
        let tokens = prompts[index].dropFirst(first).prefix(chunk)
        guard !tokens.isEmpty else { return nil }
        return StepRunner.Part(sequence: index, tokens: tokens, position: first, logits: tokens.count)
      }
      runner.step(parts, appendingLogitsTo: &result)
    }
    return result
  }
}
