import InferCore
import TestSupport
import Testing

/// What a sequence computes is its own, whoever else is in the step.
@Suite struct MixedStepTests {
  /// Runs of one prompt: chunks as a scheduler cuts them, then single tokens.
  private static let cuts = [0, 3, 20, 21, 22, 40]

  @Test(arguments: ParityFixture.all) func aSequenceDoesNotDependOnItsNeighbours(_ fixture: ParityFixture) throws {
    let model = try fixture.load("config.json")
    var generator = SeededGenerator(seed: 41)
    let prompts = (0..<5).map { _ in
      (0..<40).map { _ in Int32.random(in: 0..<Int32(model.vocabularySize), using: &generator) }
    }
    let alone = try prompts.map { try logits(model, [$0])[0] }
    let together = try logits(model, prompts)
    for (one, other) in zip(alone, together) {
      let scale = one.map(abs).max() ?? 0
      let worst = zip(one, other).map { abs($0 - $1) }.max() ?? .infinity
      #expect(one.count == 40 * model.vocabularySize && other.count == one.count)
      #expect(worst <= 2e-5 * max(1, scale), "\(worst) of \(scale)")
    }
  }

  /// Logits of every token. Sequence `s` is `s` runs behind sequence 0, so that every step holds short and long runs
  /// at different positions.
  private func logits(_ model: any LanguageModel, _ prompts: [[Int32]]) throws -> [[Float]] {
    let runner = try StepRunner(model: model, sequences: prompts.count, length: 40, kvType: .f32, threads: 2)
    var result = prompts.map { _ in [Float]() }
    for time in 0..<Self.cuts.count - 1 + prompts.count - 1 {
      let parts = prompts.indices.compactMap { sequence -> StepRunner.Part? in
        let index = time - sequence
        guard index >= 0, index < Self.cuts.count - 1 else { return nil }
        let range = Self.cuts[index]..<Self.cuts[index + 1]
        return StepRunner.Part(
          sequence: sequence, tokens: prompts[sequence][range], position: range.lowerBound, logits: range.count)
      }
      runner.step(parts, appendingLogitsTo: &result)
    }
    return result
  }
}
