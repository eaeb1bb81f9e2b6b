import InferCore
import TestSupport
import Testing

/// Sequences that go on from what another has computed, on every family.
@Suite struct SharedPrefixTests {
  /// Where the first sequence is captured: in the recurrence of its first tokens, and in the middle of its second page.
  private static let cuts = [5, 21]
  private static let length = 40

  /// Capturing, copying pages and going on elsewhere gives, to the bit, the logits of a sequence that was cut at the same
  /// places and computed alone.
  @Test(arguments: ParityFixture.all) func goingOnFromACaptureIsGoingOnFromACut(_ fixture: ParityFixture) throws {
    let model = try fixture.load("config.json")
    for kvType in KVType.allCases where model.stateLayout.check(kvType) == nil {
      let runner = try StepRunner(
        model: model, sequences: 2, length: Self.length, kvType: kvType, threads: 2, spareSlots: Self.cuts.count)
      let slots = Array(runner.spareSlots)
      var generator = SeededGenerator(seed: 43)
      func tokens(_ count: Int) -> [Int32] {
        (0..<count).map { _ in Int32.random(in: 0..<Int32(model.vocabularySize), using: &generator) }
      }
      let prompt = tokens(Self.length)
      let captures = zip(Self.cuts, slots).map { StateCapture(rows: $0, slot: $1) }
      let captured = logits(
        runner, StepRunner.Part(sequence: 0, tokens: prompt[...], position: 0, logits: 40, captures: captures))
      #expect(try captured == alone(model, kvType, prompt, cuts: Self.cuts), "\(kvType)")

      for (index, cut) in Self.cuts.enumerated() {
        let other = prompt.prefix(cut) + tokens(Self.length - cut)
        // What sequence 1 held before is overwritten or not looked at.
        runner.copyPages(of: 0, to: 1, tokens: cut)
        let shared = logits(
          runner,
          StepRunner.Part(
            sequence: 1, tokens: other[cut...], position: cut, logits: Self.length - cut,
            start: .copy(of: slots[index])))
        let want = try alone(model, kvType, Array(other), cuts: Array(Self.cuts[...index]))
        #expect(shared == Array(want.suffix(shared.count)), "\(kvType) from \(cut)")
      }
    }
  }

  /// Going on from a state that was rounded to 8 bits gives nearly the same logits: within 0.5 % for most families, and
  /// within 7 % where a row goes to another expert.
  @Test(arguments: ParityFixture.all) func aColdStateIsNearlyTheState(_ fixture: ParityFixture) throws {
    let model = try fixture.load("config.json")
    guard model.stateLayout.slotBytes > 0 else { return }
    let runner = try StepRunner(
      model: model, sequences: 1, length: Self.length, kvType: .f32, threads: 2, spareSlots: 2, coldSlots: 1)
    var generator = SeededGenerator(seed: 44)
    let prompt = (0..<Self.length).map { _ in Int32.random(in: 0..<Int32(model.vocabularySize), using: &generator) }
    let (slots, cold, cut) = (Array(runner.spareSlots), runner.coldSlots.lowerBound, 21)
    func rest(from slot: Int32) -> [Float] {
      logits(
        runner,
        StepRunner.Part(
          sequence: 0, tokens: prompt[cut...], position: cut, logits: Self.length - cut, start: .copy(of: slot)))
    }
    _ = logits(
      runner,
      StepRunner.Part(
        sequence: 0, tokens: prompt[..<cut], position: 0, logits: 1, captures: [StateCapture(rows: cut, slot: slots[0])]
      ))
    runner.copyState(from: slots[0], to: cold)
    runner.copyState(from: cold, to: slots[1])
    let (exact, rounded) = (rest(from: slots[0]), rest(from: slots[1]))
    func norm(_ values: [Float]) -> Float { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let error = norm(zip(exact, rounded).map { $0 - $1 }) / norm(exact)
    #expect(error > 0 && error < 0.1, "\(error)")
  }

  /// Logits of every token of a sequence that is computed a part at a time.
  private func alone(
    _ model: any LanguageModel, _ kvType: KVType, _ tokens: [Int32], cuts: [Int]
  ) throws -> [Float] {
    let runner = try StepRunner(model: model, sequences: 1, length: tokens.count, kvType: kvType, threads: 1)
    return zip([0] + cuts, cuts + [tokens.count]).flatMap { first, end in
      logits(
        runner, StepRunner.Part(sequence: 0, tokens: tokens[first..<end], position: first, logits: end - first))
    }
  }

  private func logits(_ runner: StepRunner, _ part: StepRunner.Part) -> [Float] {
    var result: [Float] = []
    runner.step([part]) { rows in
      for row in 0..<rows.count {
        for column in 0..<rows.columns { result.append(rows[row][column]) }
      }
    }
    return result
  }
}
