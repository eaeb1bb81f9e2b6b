internal import DequeModule

/// The outcome of a run of a plan.
enum RunOutcome: Equatable {
  /// Tokens are left to compute.
  case pending
  /// The sequence goes on with this token.
  case token(Int32)
  /// The sequence has ended.
  case ended
}

/// Decides what each step computes: continuous batching, prompts in chunks, first come first served.
///
/// Pure bookkeeping: no clock, no model, no bytes; of a sequence it sees the ``SchedulingState``. Each step is a
/// ``plan(into:)`` and a ``commit(_:_:)``; sequences come and go in between.
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
/// A sequence whose tokens nobody takes is parked: it takes no part in steps, and keeps its memory for as long as
/// nobody else needs it. Parked memory counts as free. Who comes back without memory queues up by age, and so may stand
/// behind younger ones that run.
struct Scheduler<Sequence: Schedulable> {
  /// The maximum number of rows in a step; no fewer than there are slots, so that every running sequence gets one.
  private let maxBatchTokens: Int
  /// The maximum number of rows in a step whose logits score prompts.
  private let maxScoredRows: Int
  /// Tokens of a page; `nil` when the model has no paged state.
  private let pageTokens: Int?
  private(set) var pages: IndexPool
  private(set) var slots: IndexPool
  /// Sequences with a slot, in order of arrival but while a step is under way.
  private(set) var running: [Sequence] = []
  /// Sequences without memory, in order of arrival.
  private(set) var waiting: Deque<Sequence> = []
  /// Sequences that neither run nor wait, in order of arrival.
  private(set) var parked: [Sequence] = []
  /// Sequences of the plan under way, one for each of its runs.
  private(set) var planned: [Sequence] = []
  /// Sequences that lost their memory to others in the last plan.
  private(set) var preempted: [Sequence] = []
  /// Sequences that were added so far.
  private var arrivals = 0

  init(maxBatchTokens: Int, pageTokens: Int?, pageCount: Int, slotCount: Int, maxScoredRows: Int) {
    precondition(slotCount >= 1 && maxBatchTokens >= slotCount, "\(maxBatchTokens) rows for \(slotCount) sequences")
    precondition(maxScoredRows >= 1, "\(maxScoredRows) rows score prompts")
    self.maxBatchTokens = maxBatchTokens
    self.maxScoredRows = maxScoredRows
    self.pageTokens = pageTokens
    pages = IndexPool(count: pageCount)
    slots = IndexPool(count: slotCount)
  }

  /// `true` when there is nothing to do until a parked sequence goes on.
  var isIdle: Bool { running.isEmpty && waiting.isEmpty }

  /// Takes a sequence on and numbers it. Its tokens and all to come must fit the pages.
  mutating func add(_ sequence: Sequence) {
    let count = sequence.scheduling.tokens.count
    precondition(count > 0 && pageCount(for: count) <= pages.count, "\(count) tokens never fit")
    sequence.scheduling.id = arrivals
    arrivals += 1
    waiting.append(sequence)
  }

  /// Removes the first sequence that is wanted, and frees what it holds. Returns `nil` when there is none.
  /// O(sequences).
  mutating func remove(where isWanted: (Sequence) -> Bool) -> Sequence? {
    let removed: Sequence
    if let index = running.firstIndex(where: isWanted) {
      removed = running.remove(at: index)
    } else if let index = parked.firstIndex(where: isWanted) {
      removed = parked.remove(at: index)
    } else if let index = waiting.firstIndex(where: isWanted) {
      removed = waiting.remove(at: index)
    } else {
      return nil
    }
    removed.scheduling.release(to: &pages, slots: &slots)
    return removed
  }

  /// Removes all sequences, and returns them in order of arrival.
  mutating func removeAll() -> [Sequence] {
    let all = (running + parked + waiting).sorted { $0.scheduling.id < $1.scheduling.id }
    for sequence in all { sequence.scheduling.release(to: &pages, slots: &slots) }
    running = []
    parked = []
    waiting = []
    return all
  }

  /// Takes running sequences out of the steps.
  mutating func park(where isToPause: (Sequence) -> Bool) {
    var index = 0
    while index < running.count {
      if isToPause(running[index]) {
        Self.insert(running.remove(at: index), into: &parked)
      } else {
        index += 1
      }
    }
  }

  /// Lets the first parked sequence that is wanted go on, and returns it; `nil` when there is none.
  @discardableResult mutating func unpark(where isWanted: (Sequence) -> Bool) -> Sequence? {
    guard let index = parked.firstIndex(where: isWanted) else { return nil }
    let sequence = parked.remove(at: index)
    if sequence.scheduling.slot == nil {
      Self.insert(sequence, into: &waiting)
    } else {
      Self.insert(sequence, into: &running)
    }
    return sequence
  }

  /// Inserts by age.
  private static func insert<List: RangeReplaceableCollection<Sequence>>(_ sequence: Sequence, into list: inout List) {
    let index = list.firstIndex { $0.scheduling.id > sequence.scheduling.id } ?? list.endIndex
    list.insert(sequence, at: index)
  }

  /// Takes the memory of the youngest parked sequence that has any. Returns whether there was one.
  private mutating func reclaim() -> Bool {
    guard let index = parked.lastIndex(where: { $0.scheduling.slot != nil }) else { return false }
    preempt(parked[index])
    return true
  }

  private mutating func preempt(_ sequence: Sequence) {
    sequence.scheduling.release(to: &pages, slots: &slots)
    preempted.append(sequence)
  }

  /// Writes the next step's runs, in order of arrival. O(rows + running).
  mutating func plan(into plan: inout StepPlan) {
    plan.removeAll()
    planned.removeAll(keepingCapacity: true)
    preempted.removeAll(keepingCapacity: true)
    // Each decode's row is set aside first.
    let decodes = running.count { $0.scheduling.missing == 1 }
    var budget = Budget(rows: maxBatchTokens - decodes, scoredRows: maxScoredRows)
    var index = 0
    while index < running.count {
      if running[index].scheduling.missing == 1 { budget.rows += 1 }
      advance(index, in: &plan, &budget)
      index += 1
    }
    admit(into: &plan, &budget)
  }

  /// The rows of a step that are left for prompts.
  private struct Budget {
    var rows: Int
    /// The number of rows whose logits may score prompts.
    var scoredRows: Int
  }

  /// Adds the tokens to the plan that a running sequence can compute.
  private mutating func advance(_ index: Int, in plan: inout StepPlan, _ budget: inout Budget) {
    let sequence = running[index]
    let scoring = sequence.scheduling.rows(scoringAtMost: budget.scoredRows)
    let rows = secure(min(sequence.scheduling.missing, budget.rows, scoring), for: index)
    guard rows > 0 else { return }
    budget.rows -= rows
    budget.scoredRows -= sequence.scheduling.scored(within: rows).count
    sequence.scheduling.appendRun(of: rows, to: &plan)
    planned.append(sequence)
  }

  /// Advances the sequences of `plan`, the last one planned, given the outcome of each run.
  mutating func commit(_ plan: StepPlan, _ outcomes: [RunOutcome]) {
    precondition(
      outcomes.count == plan.runs.count && planned.count == plan.runs.count,
      "\(outcomes.count) outcomes of \(plan.runs.count) runs of \(planned.count) sequences")
    for index in planned.indices {
      let sequence = planned[index]
      sequence.scheduling.advance(by: plan.runs[index].tokens.count)
      let (id, missing) = (sequence.scheduling.id, sequence.scheduling.missing)
      switch outcomes[index] {
      case .pending: precondition(missing > 0, "sequence \(id) has nothing left to compute")
      case .token(let token):
        precondition(missing == 0, "sequence \(id): token \(token) with \(missing) to compute")
        sequence.scheduling.append(token)
      case .ended: sequence.scheduling.release(to: &pages, slots: &slots)
      }
    }
    planned.removeAll(keepingCapacity: true)
    running.removeAll { $0.scheduling.slot == nil }
    // Who comes back from being parked may have been admitted behind younger ones.
    let isInOrder = zip(running, running.dropFirst()).allSatisfy { $0.scheduling.id < $1.scheduling.id }
    if !isInOrder { running.sort { $0.scheduling.id < $1.scheduling.id } }
  }

  /// Moves sequences from the queue's head into the plan while there is room. When a row is left, all running prompts
  /// have got theirs, pages included.
  private mutating func admit(into plan: inout StepPlan, _ budget: inout Budget) {
    while budget.rows > 0, let next = waiting.first, hasRoom(for: next), let slot = takeSlot() {
      waiting.removeFirst()
      next.scheduling.hold(slot: slot)
      running.append(next)
      advance(running.count - 1, in: &plan, &budget)
    }
  }

  private func hasRoom(for next: Sequence) -> Bool {
    guard pageTokens != nil, !running.isEmpty else { return true }
    let free = parked.reduce(pages.freeCount) { $0 + $1.scheduling.pages.count }
    return pageCount(for: next.scheduling.tokens.count) + 1 + running.count <= free
  }

  private mutating func takeSlot() -> Int32? {
    if let slot = slots.take() { return slot }
    return reclaim() ? slots.take() : nil
  }

  /// Gets pages for up to `rows` more tokens of a running sequence, if need be from parked and from younger ones, and
  /// returns the number of tokens that there are pages for.
  private mutating func secure(_ rows: Int, for index: Int) -> Int {
    guard let pageTokens else { return rows }
    let sequence = running[index]
    let needed = pageCount(for: sequence.scheduling.computed + rows)
    while sequence.scheduling.pages.count < needed {
      if let page = pages.take() {
        sequence.scheduling.hold(page: page)
      } else if reclaim() {
        continue
      } else if index < running.count - 1 {
        let last = running.removeLast()
        preempt(last)
        Self.insert(last, into: &waiting)
      } else {
        break
      }
    }
    return min(rows, sequence.scheduling.pages.count * pageTokens - sequence.scheduling.computed)
  }

  private func pageCount(for tokens: Int) -> Int {
    pageTokens.map { (tokens + $0 - 1) / $0 } ?? 0
  }
}
