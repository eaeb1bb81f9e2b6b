internal import DequeModule

/// Decides what each step computes: continuous batching, prompts in chunks, first come first served.
///
/// Pure bookkeeping: no clock, no model, no bytes. Each step is a ``plan(into:)`` and a ``commit(_:_:)``; requests
/// come and go in between.
///
/// Priority is age, without exception: `running` and `waiting` together are in order of arrival. Sequences that
/// decode get a row in every step, and what is left of the step's rows goes to prompts, oldest first, so a long
/// prompt slows others down but never stops them. When pages run out, an older sequence takes them from the youngest
/// running one, which goes back to the head of the queue and computes its tokens again later; the youngest itself
/// waits in place. Therefore the oldest sequence always advances (alone it fits, or it was refused), and so, one
/// after the other, do all.
///
/// Preemption cannot thrash: beside others a sequence is admitted only if there are pages for all its tokens, and one
/// more for it and for each running sequence to grow into, so nobody is preempted in the next steps, as many as a page
/// has tokens. Running sequences only grow, so one that was preempted cannot come back before another has ended:
/// between two endings there are at most as many preemptions as running sequences.
///
/// A sequence whose tokens nobody takes is parked: it takes no part in steps, and keeps its memory for as long as nobody
/// else needs it. Parked memory counts as free. Who comes back without memory queues up by age, and so may stand behind
/// younger ones that run.
struct Scheduler {
  /// A request as the scheduler sees it.
  struct Sequence {
    /// Ascending in order of arrival.
    let id: Int
    /// Prompt and generated tokens. At least one is not computed yet.
    fileprivate(set) var tokens: [Int32]
    /// How many of `tokens` have left their mark in the state.
    fileprivate(set) var computed = 0
    /// Hold the state of positions `0 ..< computed`.
    fileprivate(set) var pages: [Int32] = []
    fileprivate(set) var slot: Int32?
    /// Positions of the prompt whose logits are wanted and have not been computed: they score the tokens behind them.
    fileprivate(set) var unscored: Range<Int>

    fileprivate var missing: Int { tokens.count - computed }
  }

  /// What came out of a run of the plan.
  enum Outcome: Equatable {
    /// Tokens are left to compute.
    case pending
    /// The sequence goes on with this token.
    case token(Int32)
    /// The sequence has ended.
    case ended
  }

  /// Rows of a step at most; no fewer than there are slots, so that every running sequence gets one.
  private let maxBatchTokens: Int
  /// Rows of a step at most whose logits score prompts.
  private let maxScoredRows: Int
  /// Tokens of a page; `nil` when the model has no paged state.
  private let pageTokens: Int?
  private(set) var pages: IndexPool
  private(set) var slots: IndexPool
  private(set) var running: [Sequence] = []
  private(set) var waiting: Deque<Sequence> = []
  /// Neither run nor wait, in order of arrival.
  private(set) var parked: [Sequence] = []
  /// Sequences that lost their memory to others in the last plan.
  private(set) var preempted: [Int] = []

  init(maxBatchTokens: Int, pageTokens: Int?, pageCount: Int, slotCount: Int, maxScoredRows: Int) {
    precondition(slotCount >= 1 && maxBatchTokens >= slotCount, "\(maxBatchTokens) rows for \(slotCount) sequences")
    precondition(maxScoredRows >= 1, "\(maxScoredRows) rows score prompts")
    self.maxBatchTokens = maxBatchTokens
    self.maxScoredRows = maxScoredRows
    self.pageTokens = pageTokens
    pages = IndexPool(count: pageCount)
    slots = IndexPool(count: slotCount)
  }

  /// Whether there is nothing to do, until a parked sequence goes on.
  var isIdle: Bool { running.isEmpty && waiting.isEmpty }

  /// Takes a request on, whose prompt's tokens are to be scored if `scoresPrompt`. `id` must be above all earlier ones,
  /// and `prompt` and all tokens to come must fit the pages.
  mutating func add(_ id: Int, prompt: [Int32], scoresPrompt: Bool = false) {
    precondition(!prompt.isEmpty && pageCount(for: prompt.count) <= pages.count, "\(prompt.count) tokens never fit")
    precondition(
      [waiting.last, running.last, parked.last].allSatisfy { $0.map { $0.id < id } ?? true },
      "request \(id) is older than the last")
    waiting.append(Sequence(id: id, tokens: prompt, unscored: 0..<(scoresPrompt ? prompt.count - 1 : 0)))
  }

  /// Forgets a request and frees what it holds. Returns whether there was one.
  mutating func cancel(_ id: Int) -> Bool {
    if let index = running.firstIndex(where: { $0.id == id }) {
      running[index].release(&pages, &slots)
      running.remove(at: index)
      return true
    }
    if let index = parked.firstIndex(where: { $0.id == id }) {
      parked[index].release(&pages, &slots)
      parked.remove(at: index)
      return true
    }
    guard let index = waiting.firstIndex(where: { $0.id == id }) else { return false }
    waiting.remove(at: index)
    return true
  }

  /// Takes a running sequence out of the steps. Does nothing when it does not run.
  mutating func park(_ id: Int) {
    guard let index = running.firstIndex(where: { $0.id == id }) else { return }
    let sequence = running.remove(at: index)
    parked.insert(sequence, at: parked.firstIndex { $0.id > id } ?? parked.endIndex)
  }

  /// Lets a parked sequence go on. Does nothing when it is not parked.
  mutating func unpark(_ id: Int) {
    guard let index = parked.firstIndex(where: { $0.id == id }) else { return }
    let sequence = parked.remove(at: index)
    if sequence.slot == nil {
      enqueue(sequence)
    } else {
      running.insert(sequence, at: running.firstIndex { $0.id > id } ?? running.endIndex)
    }
  }

  private mutating func enqueue(_ sequence: Sequence) {
    waiting.insert(sequence, at: waiting.firstIndex { $0.id > sequence.id } ?? waiting.endIndex)
  }

  /// Takes the memory of the youngest parked sequence that has any. Returns whether there was one.
  private mutating func reclaim() -> Bool {
    guard let index = parked.lastIndex(where: { $0.slot != nil }) else { return false }
    parked[index].release(&pages, &slots)
    preempted.append(parked[index].id)
    return true
  }

  /// Writes the next step's runs, in order of arrival. O(rows + running).
  mutating func plan(into plan: inout StepPlan) {
    plan.removeAll()
    preempted.removeAll(keepingCapacity: true)
    // Each decode's row is set aside first.
    var budget = Budget(rows: maxBatchTokens - running.count { $0.missing == 1 }, scoredRows: maxScoredRows)
    var index = 0
    while index < running.count {
      if running[index].missing == 1 { budget.rows += 1 }
      advance(index, in: &plan, &budget)
      index += 1
    }
    admit(into: &plan, &budget)
  }

  /// What is left of a step for prompts.
  private struct Budget {
    var rows: Int
    /// Rows whose logits may score prompts.
    var scoredRows: Int
  }

  /// Adds to the plan what a running sequence can compute.
  private mutating func advance(_ index: Int, in plan: inout StepPlan, _ budget: inout Budget) {
    let scoring = running[index].rows(scoringAtMost: budget.scoredRows)
    let rows = secure(min(running[index].missing, budget.rows, scoring), for: index)
    guard rows > 0 else { return }
    budget.rows -= rows
    budget.scoredRows -= running[index].scored(within: rows).count
    running[index].appendRun(of: rows, to: &plan)
  }

  /// Advances the runs of `plan`, the last one planned, given what came out of each.
  mutating func commit(_ plan: StepPlan, _ outcomes: [Outcome]) {
    precondition(outcomes.count == plan.runs.count, "\(outcomes.count) outcomes of \(plan.runs.count) runs")
    var index = 0
    for (run, outcome) in zip(plan.runs, outcomes) {
      while running[index].id != run.sequence { index += 1 }
      running[index].advance(by: run.tokens.count)
      let missing = running[index].missing
      switch outcome {
      case .pending: precondition(missing > 0, "sequence \(run.sequence) has nothing left to compute")
      case .token(let token):
        precondition(missing == 0, "sequence \(run.sequence): token \(token) with \(missing) to compute")
        running[index].tokens.append(token)
      case .ended: running[index].release(&pages, &slots)
      }
    }
    running.removeAll { $0.slot == nil }
    // Who comes back from being parked may have been admitted behind younger ones.
    if zip(running, running.dropFirst()).contains(where: { $0.id > $1.id }) { running.sort { $0.id < $1.id } }
  }

  /// Moves sequences from the queue's head into the plan while there is room. When a row is left, all running prompts
  /// have got theirs, pages included.
  private mutating func admit(into plan: inout StepPlan, _ budget: inout Budget) {
    while budget.rows > 0, let next = waiting.first, hasRoom(for: next), let slot = takeSlot() {
      waiting.removeFirst()
      running.append(next)
      let index = running.count - 1
      running[index].slot = slot
      advance(index, in: &plan, &budget)
    }
  }

  private func hasRoom(for next: Sequence) -> Bool {
    guard pageTokens != nil, !running.isEmpty else { return true }
    let free = parked.reduce(pages.freeCount) { $0 + $1.pages.count }
    return pageCount(for: next.tokens.count) + 1 + running.count <= free
  }

  private mutating func takeSlot() -> Int32? {
    if let slot = slots.take() { return slot }
    return reclaim() ? slots.take() : nil
  }

  /// Gets pages for up to `rows` more tokens of a running sequence, if need be from parked and from younger ones, and
  /// returns for how many there are pages.
  private mutating func secure(_ rows: Int, for index: Int) -> Int {
    guard let pageTokens else { return rows }
    let needed = pageCount(for: running[index].computed + rows)
    while running[index].pages.count < needed {
      if let page = pages.take() {
        running[index].pages.append(page)
      } else if reclaim() {
        continue
      } else if index < running.count - 1 {
        preemptLast()
      } else {
        break
      }
    }
    return min(rows, running[index].pages.count * pageTokens - running[index].computed)
  }

  private mutating func preemptLast() {
    var last = running.removeLast()
    last.release(&pages, &slots)
    enqueue(last)
    preempted.append(last.id)
  }

  private func pageCount(for tokens: Int) -> Int {
    pageTokens.map { (tokens + $0 - 1) / $0 } ?? 0
  }
}

extension Scheduler.Sequence {
  /// Gives all memory back; what was computed is lost.
  fileprivate mutating func release(_ pool: inout IndexPool, _ slots: inout IndexPool) {
    for page in pages { pool.give(page) }
    pages.removeAll()
    if let slot { slots.give(slot) }
    slot = nil
    computed = 0
  }

  /// Which positions the next `rows` tokens score.
  fileprivate func scored(within rows: Int) -> Range<Int> { unscored.clamped(to: computed..<computed + rows) }

  /// How many of the next tokens can be computed when no more than `limit` of them may score.
  fileprivate func rows(scoringAtMost limit: Int) -> Int {
    let first = max(computed, unscored.lowerBound)
    return unscored.upperBound - first <= limit ? missing : first - computed + limit
  }

  /// Notes that the next `rows` tokens are computed.
  fileprivate mutating func advance(by rows: Int) {
    computed += rows
    unscored = min(max(unscored.lowerBound, computed), unscored.upperBound)..<unscored.upperBound
  }

  /// Adds the next `rows` tokens to a plan. Logits are wanted where they score, and once no token is left to compute.
  fileprivate func appendRun(of rows: Int, to plan: inout StepPlan) {
    let first = plan.tokens.count
    plan.tokens.append(contentsOf: tokens[computed..<computed + rows])
    let firstPage = plan.pages.count
    plan.pages.append(contentsOf: pages)
    let end = plan.tokens.count
    let wanted = scored(within: rows).count + (rows == missing ? 1 : 0)
    plan.runs.append(
      Run(
        sequence: id, tokens: first..<end, position: computed, pages: firstPage..<plan.pages.count,
        slot: slot ?? 0, logits: end - wanted..<end))
  }
}
