import TestSupport
import Testing

@testable import InferCore

@Suite struct SchedulerTests {
  private func prompt(_ count: Int, _ random: inout SeededGenerator) -> [Int32] {
    (0..<count).map { _ in Int32.random(in: 0..<50_000, using: &random) }
  }

  /// Tokens that were taken without asking are computed with the one before them, and take no rows from others that decode.
  @Test func forcedTokensAreComputedInOneStep() {
    var harness = SchedulerHarness(maxBatchTokens: 8, pageTokens: 4, pageCount: 100, slotCount: 4)
    for id in 0..<3 { harness.add(id, prompt: [Int32(id)], wanted: 60) }
    harness.step()
    harness.forcedCount = { _ in 3 }
    harness.step()
    harness.forcedCount = { _ in 0 }
    harness.step()
    // Five rows are left beside one for each: three for the first, two for the second.
    #expect(harness.plan.runs.map(\.tokens.count) == [4, 3, 1] && harness.plan.runs.map(\.logits.count) == [1, 0, 0])
    harness.step()
    #expect(harness.plan.runs.map(\.tokens.count) == [1, 1, 3] && harness.plan.runs.map(\.logits.count) == [1, 1, 1])
    while !harness.scheduler.isIdle { harness.step() }
    for id in 0..<3 { #expect(harness.answers[id] == SchedulerHarness.answer(to: [Int32(id)], count: 60)) }
  }

  /// Random arrivals and cancellations in memory from ample to the least that one request needs: whoever is not
  /// cancelled gets the tokens it would get alone. From seed 120 on there are groups of pages with windows.
  @Test(arguments: 0..<140) func everyRequestEndsWithTheTokensItGetsAlone(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let pageTokens: Int? = seed % 8 == 0 ? nil : [1, 3, 4, 16].randomElement(using: &random)
    let longest = Int.random(in: 2...80, using: &random)
    let windows = seed < 120 ? [nil] : SchedulerHarness.windows(&random)
    let rows = PageRows(pageTokens: pageTokens ?? 4, windows: windows)
    let least = pageTokens == nil ? 0 : rows.pageCount(for: longest, run: rows.pageTokens)
    let slotCount = Int.random(in: 1...9, using: &random)
    var harness = SchedulerHarness(
      maxBatchTokens: slotCount + Int.random(in: 0...30, using: &random), pageTokens: pageTokens,
      pageCount: least + Int.random(in: 0...least * 4, using: &random), slotCount: slotCount,
      maxScoredRows: Int.random(in: 1...20, using: &random), windows: pageTokens == nil ? [nil] : windows)
    var requests: [(prompt: [Int32], count: Int)] = []
    var cancelled: Set<Int> = []
    var steps = 0
    let parks = seed % 2 == 1
    if seed % 3 == 1 { harness.forcedCount = { $0 % 5 == 0 ? $0 % 7 : 0 } }
    while requests.count < 60 || !harness.unfinished.isEmpty {
      if requests.count < 60, Int.random(in: 0..<3, using: &random) == 0 {
        let length = Int.random(in: 1..<longest, using: &random)
        let count = Int.random(in: 1...longest - length, using: &random)
        let tokens = prompt(length, &random)
        harness.add(requests.count, prompt: tokens, wanted: count, scoresPrompt: requests.count % 3 == 0)
        requests.append((tokens, count))
      }
      if Int.random(in: 0..<12, using: &random) == 0, let id = harness.unfinished.sorted().randomElement(using: &random)
      {
        harness.cancel(id)
        cancelled.insert(id)
      }
      if parks { harness.parkAtRandom(oneIn: 4, using: &random) }
      harness.unparkAtRandom(using: &random)
      if !harness.scheduler.isIdle { harness.step() }
      steps += 1
      guard steps < 60 * longest * 4 else {
        Issue.record("seed \(seed) does not come to an end")
        return
      }
    }
    #expect(harness.scheduler.memory.pages.takenCount == 0 && harness.scheduler.memory.slots.takenCount == 0)
    for (id, request) in requests.enumerated() {
      let expected = SchedulerHarness.answer(to: request.prompt, count: request.count)
      let answer = harness.answers[id] ?? []
      // Each token behind another is scored once, in order, whatever was computed again.
      let scored = id % 3 == 0 ? Array(0..<request.prompt.count - 1) : []
      let found = harness.scored[id] ?? []
      #expect(cancelled.contains(id) ? scored.starts(with: found) : found == scored, "request \(id)")
      #expect(cancelled.contains(id) ? expected.starts(with: answer) : answer == expected, "request \(id)")
    }
  }

  /// With memory for all, sequences that decode get a token in every step, whatever prompts arrive.
  @Test func longPromptsDoNotHoldUpDecodes() {
    var random = SeededGenerator(seed: 1)
    var harness = SchedulerHarness(maxBatchTokens: 32, pageTokens: 16, pageCount: 2000, slotCount: 8)
    for id in 0..<4 { harness.add(id, prompt: prompt(4, &random), wanted: 300) }
    harness.step()
    for id in 4..<7 { harness.add(id, prompt: prompt(5000, &random), wanted: 2) }
    for step in 2...300 {
      harness.step()
      #expect((0..<4).allSatisfy { harness.answers[$0]?.count == step })
      if step < 300 { #expect(harness.plan.tokens.count == 32, "rows are left unused while a prompt waits") }
    }
  }

  /// Every running sequence finds a row even when there are no more rows than sequences.
  @Test func promptsAdvanceBesideAsManyDecodesAsFit() {
    var random = SeededGenerator(seed: 2)
    var harness = SchedulerHarness(maxBatchTokens: 4, pageTokens: 16, pageCount: 100, slotCount: 4)
    for id in 0..<3 { harness.add(id, prompt: prompt(1, &random), wanted: 200) }
    harness.step()
    harness.add(3, prompt: prompt(50, &random), wanted: 1)
    var steps = 0
    while harness.unfinished.contains(3), steps < 60 {
      harness.step()
      steps += 1
    }
    #expect(steps == 50)
  }

  /// However tight memory is, no sequence is preempted twice between two endings, and nobody soon after an admission.
  @Test(arguments: 0..<20) func preemptionDoesNotThrash(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var harness = SchedulerHarness(maxBatchTokens: 64, pageTokens: 4, pageCount: 40, slotCount: 8)
    for id in 0..<30 { harness.add(id, prompt: prompt(.random(in: 1...20, using: &random), &random), wanted: 60) }
    var sinceEnding: [Int: Int] = [:]
    var (running, sinceAdmission) = (0, 0)
    while !harness.scheduler.isIdle {
      let ended = harness.step()
      for id in harness.scheduler.preempted.map(\.id) {
        sinceEnding[id, default: 0] += 1
        #expect(sinceAdmission >= 4)
      }
      #expect(sinceEnding.values.allSatisfy { $0 <= 1 })
      if !ended.isEmpty { sinceEnding = [:] }
      sinceAdmission = harness.plan.runs.count > running ? 0 : sinceAdmission + 1
      running = harness.scheduler.running.count
    }
    #expect(harness.preemptions > 0, "memory was not tight enough to test anything")
  }

  /// Nor where pages and slots share a tight budget, some prompts begin alike, and states are kept in passing.
  @Test(arguments: 0..<30) func preemptionDoesNotThrashInABudget(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let slot = Int.random(in: 1...12, using: &random)
    var harness = SchedulerHarness(
      maxBatchTokens: 64, pageTokens: 4, pageCount: 60, slotCount: 8, spareSlots: 30,
      bytes: (60 + 8 * slot + Int.random(in: 0...20, using: &random), 1, slot))
    let system = prompt(18, &random)
    for id in 0..<30 {
      let own = prompt(.random(in: 17...40, using: &random), &random)
      harness.add(id, prompt: id % 3 == 0 ? system + own : own, wanted: 60, scope: .shared, marks: [16, 18, 24, 30])
    }
    var sinceEnding: [Int: Int] = [:]
    while !harness.scheduler.isIdle {
      let ended = harness.step()
      for id in harness.scheduler.preempted.map(\.id) { sinceEnding[id, default: 0] += 1 }
      #expect(sinceEnding.values.allSatisfy { $0 <= 1 })
      if !ended.isEmpty { sinceEnding = [:] }
    }
    #expect(harness.preemptions > 0 && harness.scheduler.memory.counts.evictedStates > 0)
  }

  /// A large request that waits for memory is overtaken by so many small ones and no more.
  @Test func smallRequestsDoNotStarveALargeOne() {
    var random = SeededGenerator(seed: 4)
    var harness = SchedulerHarness(maxBatchTokens: 16, pageTokens: 4, pageCount: 16, slotCount: 4)
    var id = 0
    for step in 0..<600 {
      if step == 20 {
        harness.add(id, prompt: prompt(60, &random), wanted: 4)
        id += 1
      } else if step % 3 == 0 {
        harness.add(id, prompt: prompt(3, &random), wanted: 9)
        id += 1
      }
      if !harness.scheduler.isIdle { harness.step() }
    }
    #expect(!harness.unfinished.contains(7), "the large request is still not done")
  }

  /// Whatever parked sequences hold, others get it when they need it.
  @Test func parkedMemoryIsForOthers() {
    var random = SeededGenerator(seed: 5)
    var harness = SchedulerHarness(maxBatchTokens: 16, pageTokens: 4, pageCount: 16, slotCount: 2)
    let prompts = (0..<4).map { _ in prompt(20, &random) }
    for id in 0..<2 { harness.add(id, prompt: prompts[id], wanted: 30) }
    for _ in 0..<6 { harness.step() }
    for id in 0..<2 { harness.park(id) }
    #expect(harness.scheduler.isIdle && harness.scheduler.memory.slots.freeCount == 0)
    for id in 2..<4 { harness.add(id, prompt: prompts[id], wanted: 30) }
    while !harness.scheduler.isIdle { harness.step() }
    #expect(harness.unfinished == [0, 1])
    for id in 0..<2 { harness.unpark(id) }
    while !harness.scheduler.isIdle { harness.step() }
    for id in 0..<4 { #expect(harness.answers[id] == SchedulerHarness.answer(to: prompts[id], count: 30)) }
  }

  /// Whoever runs, waits or is parked: all go, oldest first, and leave nothing behind.
  @Test func removingAllFreesAllMemory() {
    var random = SeededGenerator(seed: 6)
    var harness = SchedulerHarness(maxBatchTokens: 16, pageTokens: 4, pageCount: 16, slotCount: 3)
    for id in 0..<6 { harness.add(id, prompt: prompt(8, &random), wanted: 30) }
    for _ in 0..<4 { harness.step() }
    harness.park(1)
    #expect(harness.scheduler.running.count == 2 && harness.scheduler.waiting.count == 3)
    #expect(harness.scheduler.removeAll().map(\.id) == Array(0..<6))
    #expect(harness.scheduler.isIdle && harness.scheduler.parked.isEmpty)
    #expect(harness.scheduler.memory.pages.takenCount == 0 && harness.scheduler.memory.slots.takenCount == 0)
  }

  @Test func programmerMistakesTrap() async {
    await #expect(processExitsWith: .failure) {
      var pool = IndexPool(count: 2)
      pool.give(0)
    }
    await #expect(processExitsWith: .failure) {
      var scheduler = Scheduler<BareSequence>(
        maxBatchTokens: 8, maxRunning: 2, maxScoredRows: 1,
        memory: SequenceMemory(pageTokens: 4, pageCount: 2, slotCount: 2, hasRecurrentState: true))
      scheduler.add(BareSequence(Array(repeating: 1, count: 9)))
    }
  }
}
