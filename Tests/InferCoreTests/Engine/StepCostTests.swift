import TestSupport
import Testing

@testable import InferCore

@Suite struct StepCostTests {
  /// Times as of a machine: reading the weights, a little for each decoding sequence, more for prompts and contexts.
  private static func seconds(_ plan: StepPlan) -> Double {
    plan.runs.reduce(0.010) { time, run in
      let work = StepCost.Work(rows: run.tokens.count, position: run.position)
      let row = work.rows == 1 ? 0.5e-3 : 1.2e-3
      return time + row * Double(work.rows) + 2e-8 * work.attended
    }
  }

  private func prompt(_ count: Int) -> [Int32] { (0..<Int32(count)).map { $0 % 5000 } }

  /// From steps of different sizes the parts are found, with noise on the times.
  @Test func partsAreFound() {
    var random = SeededGenerator(seed: 3)
    var cost = StepCost()
    for step in 0..<400 {
      let decodes = Int.random(in: 1...8, using: &random)
      var decoding = StepCost.Work()
      for _ in 0..<decodes { decoding.add(rows: 1, position: .random(in: 0...4000, using: &random)) }
      let prompts =
        step % 3 == 0
        ? StepCost.Work(rows: .random(in: 8...200, using: &random), position: .random(in: 0...9000, using: &random))
        : StepCost.Work()
      let noise = Double.random(in: 0.95...1.05, using: &random)
      let time =
        0.010 + 0.5e-3 * Double(decoding.rows) + 2e-8 * decoding.attended + 1.2e-3 * Double(prompts.rows)
        + 2e-8 * prompts.attended
      cost.observe(decoding: decoding, prompts: prompts, seconds: time * noise)
    }
    for (decodes, rows, position) in [(1, 100, 0), (8, 16, 8000), (4, 200, 4000)] {
      let decoding = StepCost.Work(rows: decodes)
      let work = StepCost.Work(rows: rows, position: position)
      let time = 0.010 + 0.5e-3 * Double(decodes) + 1.2e-3 * Double(rows) + 2e-8 * work.attended
      let expected =
        cost.seconds(ofFurther: rows, position: position) - cost.secondsForPrompts(in: 0, decoding: decoding)
      #expect(abs(expected / time - 1) < 0.1, "\(expected) s for \(time) s")
    }
  }

  /// Steps that are all alike, and times that make no sense, lead to no negative parts.
  @Test func partsAreNeverNegative() {
    var random = SeededGenerator(seed: 4)
    var cost = StepCost()
    for step in 0..<200 {
      let work = StepCost.Work(rows: step < 100 ? 64 : .random(in: 2...512, using: &random))
      cost.observe(
        decoding: StepCost.Work(rows: 1), prompts: StepCost.Work(), seconds: .random(in: 1e-6...1, using: &random))
      cost.observe(decoding: StepCost.Work(rows: 1), prompts: work, seconds: .random(in: 1e-6...1, using: &random))
      #expect(cost.leastSeconds >= 0 && cost.seconds(ofFurther: 100, position: 1000) >= 0)
      #expect((0...300).contains(cost.rows(within: .random(in: -1...1, using: &random), position: 9, limit: 300)))
    }
  }

  /// Beside a long prompt, and at any of its positions, decoding sequences keep the time that was set.
  @Test(arguments: [0.04, 0.1]) func stepsKeepTheTarget(target: Double) {
    var harness = SchedulerHarness(
      maxBatchTokens: 512, pageTokens: 16, pageCount: 4000, slotCount: 8, targetSeconds: target)
    harness.seconds = Self.seconds
    for id in 0..<4 { harness.add(id, prompt: prompt(20 + id), wanted: 100_000) }
    for _ in 0..<20 { harness.step() }
    harness.add(4, prompt: prompt(20_000), wanted: 1)
    var times: [Double] = []
    while harness.unfinished.contains(4), times.count < 4000 {
      harness.step()
      times.append(Self.seconds(harness.plan))
    }
    #expect(!harness.unfinished.contains(4))
    let late = times.count { $0 > 1.25 * target }
    #expect(late * 100 <= times.count, "\(late) of \(times.count) steps took more than 1.25 of the target")
    // Most of the time that is allowed is used.
    #expect(times.reduce(0, +) / Double(times.count) > 0.8 * target)
  }

  /// A target that decoding alone does not meet keeps no prompt from advancing.
  @Test func promptsAdvanceWhateverTheTarget() {
    var harness = SchedulerHarness(
      maxBatchTokens: 512, pageTokens: 16, pageCount: 1000, slotCount: 4, targetSeconds: 0.001)
    harness.seconds = Self.seconds
    harness.add(0, prompt: prompt(10), wanted: 10_000)
    for _ in 0..<5 { harness.step() }
    harness.add(1, prompt: prompt(800), wanted: 1)
    var steps = 0
    while harness.unfinished.contains(1), steps < 200 {
      harness.step()
      steps += 1
      if steps > 2, harness.unfinished.contains(1) { #expect(harness.plan.tokens.count == 1 + 8) }
    }
    #expect(steps <= 101)
  }

  /// With nobody decoding, steps take as many rows as there are, or as much time as a cancellation may wait.
  @Test func aPromptAloneTakesLargeSteps() {
    var harness = SchedulerHarness(
      maxBatchTokens: 512, pageTokens: 16, pageCount: 4000, slotCount: 4, targetSeconds: 0.02)
    harness.seconds = { plan in 1e-3 + 1e-5 * Double(plan.tokens.count) + Self.seconds(plan) * 1e-6 }
    harness.add(0, prompt: prompt(10), wanted: 5)
    while !harness.scheduler.isIdle { harness.step() }
    harness.add(1, prompt: prompt(2000), wanted: 1)
    harness.step()
    #expect(harness.plan.tokens.count > 480)
    harness.seconds = { plan in 1e-3 + 1e-3 * Double(plan.tokens.count) }
    harness.add(2, prompt: prompt(20_000), wanted: 1)
    for _ in 0..<30 { harness.step() }
    #expect(harness.plan.tokens.count < 150, "a step of \(harness.plan.tokens.count) ms")
  }

  /// Where prompts never leave a step to decodes alone, the target is kept all the same.
  @Test func aTargetNeedsNoStepWithoutPrompts() {
    var harness = SchedulerHarness(
      maxBatchTokens: 512, pageTokens: 16, pageCount: 4000, slotCount: 8, targetSeconds: 0.1)
    harness.seconds = Self.seconds
    harness.add(0, prompt: prompt(20), wanted: 100_000)
    harness.add(1, prompt: prompt(30_000), wanted: 1)
    var times: [Double] = []
    for _ in 0..<100 {
      harness.step()
      times.append(Self.seconds(harness.plan))
    }
    #expect(harness.unfinished.contains(1))
    #expect(times.dropFirst(10).allSatisfy { (0.05...0.125).contains($0) }, "\(times)")
  }

  /// Steps that score prompts say nothing of others.
  @Test func scoringIsNotLearnedFrom() {
    var harness = SchedulerHarness(
      maxBatchTokens: 512, pageTokens: 16, pageCount: 4000, slotCount: 8, maxScoredRows: 512)
    harness.seconds = Self.seconds
    for id in 0..<2 {
      harness.add(id, prompt: prompt(500), wanted: 3)
      while !harness.scheduler.isIdle { harness.step() }
    }
    let before = harness.scheduler.cost.seconds(ofFurther: 100, position: 0)
    harness.seconds = { 10 * Self.seconds($0) }
    harness.add(2, prompt: prompt(400), wanted: 1, scoresPrompt: true)
    while !harness.scheduler.isIdle { harness.step() }
    #expect(harness.scheduler.cost.seconds(ofFurther: 100, position: 0) == before)
  }
}
