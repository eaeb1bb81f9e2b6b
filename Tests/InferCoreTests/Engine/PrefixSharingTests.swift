import TestSupport
import Testing

@testable import InferCore

/// Sequences that begin alike, in a scheduler whose memory remembers what is in it.
@Suite struct PrefixSharingTests {
  /// Prompts that branch off from each other at random, in a few scopes: thousands of arrivals, cancellations and pauses
  /// in memory from ample to the least, with forks, marks and evictions. Whoever is not cancelled gets the tokens it gets
  /// alone; every page and slot is held by as many as say so, after every step; what is kept is what it is kept as. From
  /// seed 80 on pages and slots share a budget, which is never exceeded, and memory that is given back is lost. Every third
  /// has cold slots. From seed 150 on there are groups of pages with windows, and every token finds all that it looks back at.
  @Test(arguments: 0..<190) func everyRequestGetsTheTokensItGetsAlone(seed: UInt64) {
    var random = SeededGenerator(seed: seed &+ 1000)
    let pageTokens: Int? = seed % 7 == 0 ? nil : [1, 3, 4, 16].randomElement(using: &random)
    let longest = Int.random(in: 24...90, using: &random)
    let windows = seed < 150 ? [nil] : SchedulerHarness.windows(&random)
    let rows = PageRows(pageTokens: pageTokens ?? 4, windows: windows)
    let least = pageTokens == nil ? 0 : rows.pageCount(for: longest, run: rows.pageTokens)
    let slotCount = Int.random(in: 1...6, using: &random)
    let pageCount = least + Int.random(in: 0...least * 6, using: &random)
    let spareSlots = Int.random(in: 0...12, using: &random)
    var bytes: (budget: Int, page: Int, slot: Int)?
    if seed >= 80 {
      let (page, slot) = (Int.random(in: 1...6, using: &random), Int.random(in: 1...40, using: &random))
      let budget = pageCount * page + max(2, slotCount) * slot
      bytes = (budget + [0, 0, 1, slot].randomElement(using: &random)!, page, slot)
    }
    var harness = SchedulerHarness(
      maxBatchTokens: slotCount + Int.random(in: 0...40, using: &random), pageTokens: pageTokens, pageCount: pageCount,
      slotCount: slotCount, spareSlots: spareSlots, hasState: pageTokens == nil || seed % 5 != 1,
      coldSlots: seed % 3 == 2 ? Int.random(in: 1...12, using: &random) : 0,
      maxScoredRows: Int.random(in: 1...20, using: &random), windows: pageTokens == nil ? [nil] : windows, bytes: bytes)
    let scopes: [CacheScope?] = [.shared, .shared, CacheScope(salt: [1]), nil]
    var prompts: [[Int32]] = [[]]
    var requests: [(prompt: [Int32], count: Int)] = []
    var cancelled: Set<Int> = []
    var loading: PrefixLease?
    var steps = 0
    while requests.count < 100 || !harness.unfinished.isEmpty {
      if requests.count < 100, Int.random(in: 0..<3, using: &random) == 0 {
        // A known text, a part of one, or one with what was answered, and something behind it.
        var tokens = prompts.randomElement(using: &random) ?? []
        if let id = harness.answers.keys.sorted().randomElement(using: &random), Bool.random(using: &random) {
          tokens = requests[id].prompt + (harness.answers[id] ?? [])
        }
        tokens = Array(tokens.prefix(Int.random(in: 0...longest - 2, using: &random)))
        let new = Int.random(in: tokens.isEmpty ? 1...20 : 0...8, using: &random)
        tokens += (0..<new).map { _ in Int32.random(in: 0..<3, using: &random) }
        tokens = Array(tokens.prefix(longest - 1))
        prompts.append(tokens)
        let scope = scopes.randomElement(using: &random) ?? nil
        let marks = (0..<Int.random(in: 0...3, using: &random)).map { _ in Int.random(in: -1...longest, using: &random)
        }
        // Forks: the same prompt several times at once.
        for _ in 0..<[1, 1, 1, 4].randomElement(using: &random)! {
          let count = Int.random(in: 1...longest - tokens.count, using: &random)
          harness.add(
            requests.count, prompt: tokens, wanted: count, scoresPrompt: requests.count % 7 == 0, scope: scope,
            marks: marks)
          requests.append((tokens, count))
        }
      }
      if Int.random(in: 0..<20, using: &random) == 0, let id = harness.unfinished.sorted().randomElement(using: &random)
      {
        harness.cancel(id)
        cancelled.insert(id)
      }
      harness.parkAtRandom(oneIn: 8, using: &random)
      harness.unparkAtRandom(using: &random)
      if Int.random(in: 0..<200, using: &random) == 0 { harness.scheduler.resetCache() }
      // Loans to another thread, and loads by it.
      if seed % 2 == 0 { harness.lend(using: &random) }
      if seed % 3 == 0, Int.random(in: 0..<10, using: &random) == 0,
        let scope = scopes.randomElement(using: &random) ?? nil,
        let tokens = prompts.randomElement(using: &random), !tokens.isEmpty, loading == nil
      {
        loading = harness.load(tokens, in: scope)
      } else if let lease = loading, Bool.random(using: &random) {
        harness.adopt(lease)
        loading = nil
      }
      if !harness.scheduler.isIdle { harness.step() }
      steps += 1
      guard steps < 100 * longest * 4 else {
        Issue.record("seed \(seed) does not come to an end")
        return
      }
    }
    for (id, request) in requests.enumerated() {
      let expected = SchedulerHarness.answer(to: request.prompt, count: request.count)
      let answer = harness.answers[id] ?? []
      #expect(cancelled.contains(id) ? expected.starts(with: answer) : answer == expected, "request \(id)")
      let scored = id % 7 == 0 ? Array(0..<request.prompt.count - 1) : []
      let found = harness.scored[id] ?? []
      #expect(cancelled.contains(id) ? scored.starts(with: found) : found == scored, "request \(id)")
    }
    harness.scheduler.withMemory { while $0.takeBackLease() {} }
    harness.scheduler.resetCache()
    let memory = harness.scheduler.memory
    #expect(memory.pages.takenCount == 0 && memory.slots.takenCount == 0 && memory.tree.count == 0)
    #expect(memory.pages.backedCount == 0 && memory.slots.backedCount == 0 && memory.coldSlots.backedCount == 0)
  }

  /// A conversation alone, in memory for one state: a turn starts anew where that is the one it would start from.
  @Test func aSingleSlotServesTurnAfterTurn() {
    var harness = SchedulerHarness(maxBatchTokens: 64, pageTokens: 16, pageCount: 20, slotCount: 1)
    var text = tokens(100, seed: 3)
    for id in 0..<3 {
      harness.add(id, prompt: text, wanted: 5, scope: .shared)
      for _ in 0..<10 where !harness.scheduler.isIdle { harness.step() }
      #expect(harness.answers[id] == SchedulerHarness.answer(to: text, count: 5))
      text += (harness.answers[id] ?? []) + tokens(3, seed: UInt64(id))
    }
  }

  private func tokens(_ count: Int, seed: UInt64) -> [Int32] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Int32.random(in: 0..<50_000, using: &random) }
  }

  private func harness(_ hasState: Bool = true) -> SchedulerHarness {
    SchedulerHarness(
      maxBatchTokens: 64, pageTokens: 16, pageCount: 1000, slotCount: 8, spareSlots: 32, hasState: hasState)
  }

  private func finish(_ harness: inout SchedulerHarness) { while !harness.scheduler.isIdle { harness.step() } }

  /// Prompts with one beginning, one after another: from the second on, only what is new is computed.
  @Test(arguments: [true, false]) func theSecondRequestFindsWhatTheFirstLeft(hasState: Bool) {
    var harness = harness(hasState)
    let system = tokens(333, seed: 1)
    for id in 0..<5 {
      let before = harness.rows
      harness.add(id, prompt: system + tokens(20, seed: UInt64(10 + id)), wanted: 1, scope: .shared, marks: [333])
      finish(&harness)
      #expect(harness.rows - before == (id == 0 ? 353 : 20))
    }
  }

  /// Prompts that share all but their last tokens, of which nobody says where: a state is near, however long they are.
  @Test func intervalsGrowWithTheDistanceFromTheEnd() {
    for length in stride(from: 600, to: 13_000, by: 97) + [4095, 4096, 4097, 4098, 8192, 8193, 12_289] {
      let marks = SchedulingState(prompt: Array(repeating: 1, count: length), scoresPrompt: false, scope: .shared).marks
      #expect(marks.count <= 5 + length / SchedulingState.markInterval)
      for end in [1, 20, 100, 511, 512, 600, 1023, 1024, 2000, 2049, 4000, 5000] where end < length {
        let nearest = marks.last { $0 <= length - end } ?? 0
        #expect(length - nearest <= max(1024, 4 * end) + 1, "\(end) of \(length): \(marks)")
      }
    }
  }

  /// Without a mark the second finds out where prompts part, and the third profits.
  @Test func whereKnownPromptsPartAStateIsKept() {
    var harness = harness()
    let system = tokens(333, seed: 1)
    var rows: [Int] = []
    for id in 0..<3 {
      let before = harness.rows
      harness.add(id, prompt: system + tokens(20, seed: UInt64(10 + id)), wanted: 1, scope: .shared)
      finish(&harness)
      rows.append(harness.rows - before)
    }
    #expect(rows == [353, 353, 20])
  }

  /// Identical prompts, and prompts with one beginning, that come together are computed once.
  @Test(arguments: [true, false]) func whatComesTogetherIsComputedOnce(hasState: Bool) {
    var harness = harness(hasState)
    let prompt = tokens(1000, seed: 2)
    for id in 0..<8 { harness.add(id, prompt: prompt, wanted: 5, scope: .shared) }
    finish(&harness)
    #expect(harness.rows == 1000 + 7 + 8 * 4)
    let other = tokens(500, seed: 3)
    let before = harness.rows
    for id in 8..<12 { harness.add(id, prompt: other + tokens(9, seed: UInt64(id)), wanted: 1, scope: .shared) }
    finish(&harness)
    #expect(harness.rows - before == 500 + 4 * 9)
  }

  /// A prompt that waits for another's state does not wait for its answer, and others do not wait for it.
  @Test func nobodyWaitsLongerThanForTheState() {
    var harness = harness()
    let prompt = tokens(200, seed: 4)
    harness.add(0, prompt: prompt, wanted: 500, scope: .shared)
    harness.add(1, prompt: prompt, wanted: 1, scope: .shared)
    harness.add(2, prompt: tokens(10, seed: 5), wanted: 1, scope: .shared)
    var steps = 0
    while harness.unfinished.count > 1 {
      let ended = harness.step()
      steps += 1
      if ended.contains(1) { #expect(!harness.unfinished.contains(2)) }
    }
    #expect(steps <= 6)
  }

  /// The next turn of a conversation computes its new tokens only, with the answer before it or with a part of it.
  @Test(arguments: [true, false]) func aTurnComputesItsNewTokens(hasState: Bool) {
    var harness = harness(hasState)
    var history = tokens(100, seed: 6)
    for turn in 0..<4 {
      let before = harness.rows
      let question = tokens(7, seed: UInt64(20 + turn))
      let prompt = history + question
      harness.add(turn, prompt: prompt, wanted: 30, scope: .shared)
      finish(&harness)
      // The last token of an answer is chosen and not computed.
      #expect(harness.rows - before == (turn == 0 ? 107 : 8) + 29)
      history = prompt + (harness.answers[turn] ?? [])
    }
    // The last answer once more.
    let before = harness.rows
    harness.add(4, prompt: Array(history.dropLast(30)), wanted: 1, scope: .shared)
    finish(&harness)
    #expect(harness.rows - before == 1)
  }

  /// Salts keep sequences apart, and who opts out neither finds nor leaves anything.
  @Test func scopesAreApart() {
    var harness = harness()
    let prompt = tokens(64, seed: 7)
    let scopes: [CacheScope?] = [.shared, CacheScope(salt: [0x61]), CacheScope(salt: [0x62]), nil, nil, .shared]
    for (id, scope) in scopes.enumerated() {
      let before = harness.rows
      harness.add(id, prompt: prompt, wanted: 1, scope: scope)
      finish(&harness)
      #expect(harness.rows - before == (id == 5 ? 1 : 64))
    }
  }

  /// A sequence that lost its memory to an older one computes little again.
  @Test func whoIsPreemptedGoesOnFromWhatIsKept() {
    var harness = SchedulerHarness(maxBatchTokens: 64, pageTokens: 4, pageCount: 60, slotCount: 4, spareSlots: 8)
    for id in 0..<4 { harness.add(id, prompt: tokens(40, seed: UInt64(30 + id)), wanted: 60, scope: .shared) }
    finish(&harness)
    #expect(harness.preemptions > 0)
    for id in 0..<4 {
      #expect(
        harness.answers[id] == SchedulerHarness.answer(to: tokens(40, seed: UInt64(30 + id)), count: 60))
    }
  }
}
