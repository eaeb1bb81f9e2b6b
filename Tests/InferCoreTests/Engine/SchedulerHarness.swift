import Testing

@testable import InferCore

/// A sequence that is nothing but what the scheduler sees of it.
final class BareSequence: Schedulable {
  var scheduling: SchedulingState

  init(_ prompt: [Int32], scoresPrompt: Bool = false) {
    scheduling = SchedulingState(prompt: prompt, scoresPrompt: scoresPrompt)
  }

  var id: Int { scheduling.id }
}

/// Drives a scheduler against a model that is nothing but its state: what a page or slot holds, it remembers, and a
/// sequence's next token is a hash of what it remembers.
struct SchedulerHarness {
  var scheduler: Scheduler<BareSequence>
  var plan = StepPlan()
  /// Tokens that came out, by request.
  private(set) var answers: [Int: [Int32]] = [:]
  private(set) var unfinished: Set<Int> = []
  private(set) var preemptions = 0
  private(set) var parked: Set<Int> = []
  private var hasParked = false
  /// Positions whose logits scored prompts, by request, in the order in which they came.
  private(set) var scored: [Int: [Int]] = [:]
  let maxScoredRows: Int
  private var prompts: [Int: Int] = [:]
  private var wanted: [Int: Int] = [:]
  private var pages: [[Int32]]
  private var slots: [UInt64]
  private let pageTokens: Int?

  init(maxBatchTokens: Int, pageTokens: Int?, pageCount: Int, slotCount: Int, maxScoredRows: Int = 1) {
    scheduler = Scheduler(
      maxBatchTokens: maxBatchTokens, pageTokens: pageTokens, pageCount: pageCount, slotCount: slotCount,
      maxScoredRows: maxScoredRows)
    self.maxScoredRows = maxScoredRows
    self.pageTokens = pageTokens
    pages = Array(repeating: Array(repeating: -1, count: pageTokens ?? 0), count: pageCount)
    slots = Array(repeating: 0, count: slotCount)
  }

  mutating func add(_ id: Int, prompt: [Int32], wanted count: Int, scoresPrompt: Bool = false) {
    let sequence = BareSequence(prompt, scoresPrompt: scoresPrompt)
    scheduler.add(sequence)
    #expect(sequence.id == id, "sequences are numbered in order of arrival")
    prompts[id] = prompt.count
    scored[id] = []
    answers[id] = []
    wanted[id] = count
    unfinished.insert(id)
  }

  mutating func cancel(_ id: Int) {
    #expect(scheduler.remove { $0.id == id }?.id == (unfinished.contains(id) ? id : nil))
    unfinished.remove(id)
    parked.remove(id)
  }

  /// Parks a request if it runs.
  mutating func park(_ id: Int) {
    guard scheduler.running.contains(where: { $0.id == id }) else { return }
    scheduler.park { $0.id == id }
    parked.insert(id)
    hasParked = true
  }

  mutating func unpark(_ id: Int) {
    #expect(scheduler.unpark { $0.id == id }?.id == (parked.contains(id) ? id : nil))
    parked.remove(id)
  }

  /// One step, with all invariants checked before and after. Returns the requests that ended.
  @discardableResult mutating func step() -> [Int] {
    scheduler.plan(into: &plan)
    preemptions += scheduler.preempted.count
    scheduler.checkInvariants(during: plan, hasParked: hasParked)
    var ended: [Int] = []
    var scoredRows = 0
    let outcomes = plan.runs.map { run in
      let token = compute(run)
      let behind = prompts[run.sequence, default: 0] - 1
      let positions = run.logits.map { run.position + $0 - run.tokens.lowerBound }
      scored[run.sequence]? += positions.filter { $0 < behind }
      scoredRows += positions.count { $0 < behind }
      guard let last = positions.last, last >= behind else { return RunOutcome.pending }
      answers[run.sequence, default: []].append(token)
      if answers[run.sequence]?.count == wanted[run.sequence] {
        ended.append(run.sequence)
        return .ended
      }
      return .token(token)
    }
    #expect(scoredRows <= maxScoredRows, "\(scoredRows) rows score prompts")
    scheduler.commit(plan, outcomes)
    scheduler.checkInvariants(during: nil, hasParked: hasParked)
    unfinished.subtract(ended)
    return ended
  }

  private mutating func compute(_ run: Run) -> Int32 {
    var hash: UInt64
    switch run.start {
    case .zero: hash = 0
    case .slot: hash = slots[Int(run.slot)]
    case .copy(let kept): hash = slots[Int(kept)]
    }
    for (offset, index) in run.tokens.enumerated() {
      hash = Self.extend(hash, plan.tokens[index])
      for capture in plan.captures[run.captures] where capture.rows == offset + 1 { slots[Int(capture.slot)] = hash }
      guard let pageTokens else { continue }
      let position = run.position + offset
      pages[Int(plan.pages[run.pages.lowerBound + position / pageTokens])][position % pageTokens] = plan.tokens[index]
    }
    slots[Int(run.slot)] = hash
    guard let pageTokens else { return Self.token(hash, hash) }
    var paged: UInt64 = 0
    for position in 0..<run.position + run.tokens.count {
      let page = plan.pages[run.pages.lowerBound + position / pageTokens]
      paged = Self.extend(paged, pages[Int(page)][position % pageTokens])
    }
    return Self.token(hash, paged)
  }

  /// What a request yields when nothing else is there.
  static func answer(to prompt: [Int32], count: Int) -> [Int32] {
    var hash: UInt64 = 0
    for token in prompt { hash = extend(hash, token) }
    return (0..<count).map { _ in
      let next = token(hash, hash)
      hash = extend(hash, next)
      return next
    }
  }

  private static func extend(_ hash: UInt64, _ token: Int32) -> UInt64 {
    CounterGenerator(seed: hash).bits(at: UInt64(UInt32(bitPattern: token)))
  }

  private static func token(_ a: UInt64, _ b: UInt64) -> Int32 { Int32((a ^ (b >> 20)) & 0xFFFF) }
}

extension Scheduler<BareSequence> {
  /// Everything that holds between calls; with a plan, also what holds between planning and committing it.
  func checkInvariants(during plan: StepPlan?, hasParked: Bool) {
    let held = (running + parked).flatMap(\.scheduling.pages)
    #expect(Set(held).count == held.count, "a page belongs to two sequences")
    #expect(held.count == pages.takenCount, "pages leaked")
    let heldSlots = (running + parked).compactMap(\.scheduling.slot)
    #expect(running.allSatisfy { $0.scheduling.slot != nil } && Set(heldSlots).count == heldSlots.count)
    #expect(heldSlots.count == slots.takenCount, "slots leaked")
    #expect(
      waiting.allSatisfy { $0.scheduling.pages.isEmpty && $0.scheduling.slot == nil && $0.scheduling.computed == 0 })
    #expect(
      parked.allSatisfy { $0.scheduling.slot != nil || $0.scheduling.pages.isEmpty && $0.scheduling.computed == 0 })
    let ids = running.map(\.id) + waiting.map(\.id)
    // Who was parked may come back behind younger ones.
    let orders = hasParked ? [plan == nil ? running.map(\.id) : [], waiting.map(\.id), parked.map(\.id)] : [ids]
    for ids in orders { #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 }, "not in order of arrival: \(ids)") }
    #expect(running.allSatisfy { $0.scheduling.computed < $0.scheduling.tokens.count })
    #expect(planned.map(\.id) == plan?.runs.map(\.sequence) ?? [])
    guard let plan else { return }
    #expect(hasParked ? !plan.runs.isEmpty : plan.runs.first?.sequence == ids.first, "the oldest does not advance")
    var row = 0
    for run in plan.runs {
      guard let sequence = running.first(where: { $0.id == run.sequence }) else {
        Issue.record("run of \(run.sequence), which is not running")
        continue
      }
      #expect(run.tokens.lowerBound == row && !run.tokens.isEmpty && run.position == sequence.scheduling.computed)
      row = run.tokens.upperBound
      #expect(Array(plan.pages[run.pages]) == sequence.scheduling.pages && run.slot == sequence.scheduling.slot)
      let end = run.position + run.tokens.count
      #expect(plan.tokens[run.tokens].elementsEqual(sequence.scheduling.tokens[run.position..<end]))
      let scores = sequence.scheduling.unscored.clamped(to: run.position..<end).count
      #expect(run.logits.count == scores + (end == sequence.scheduling.tokens.count ? 1 : 0))
    }
    #expect(row == plan.tokens.count)
    #expect(Set(plan.runs.map(\.sequence)).count == plan.runs.count, "two runs of one sequence")
  }
}
