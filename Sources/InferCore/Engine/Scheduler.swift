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
/// Priority is age: `running` and `waiting` together are in order of arrival, but for sequences that wait for an older one
/// to compute what both begin with, which are passed over. Sequences that
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
/// Pages and slots share the memory's budget, and none of this changes: the slots of running sequences are set aside, at
/// least two, so that the first to advance has its own and that which it starts from, and all pages fit beside them. What
/// other slots take is counted when a sequence is admitted, and given up as pages are needed; a state is kept in passing
/// only where it leaves the pages that running sequences were promised.
///
/// A sequence whose tokens nobody takes is parked: it takes no part in steps, and keeps its memory for as long as
/// nobody else needs it. Parked memory counts as free. Who comes back without memory queues up by age, and so may stand
/// behind younger ones that run.
struct Scheduler<Sequence: Schedulable> {
  /// The maximum number of rows in a step; no fewer than there are slots, so that every running sequence gets one.
  private let maxBatchTokens: Int
  /// The maximum number of rows in a step whose logits score prompts.
  private let maxScoredRows: Int
  /// The maximum number of sequences that run at the same time.
  private let maxRunning: Int
  /// Pages and slots, and the state that is kept in them for sequences to come.
  private(set) var memory: SequenceMemory
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

  /// - Parameters:
  ///   - maxBatchTokens: The maximum number of rows in a step.
  ///   - maxRunning: The maximum number of sequences that run at the same time.
  ///   - maxScoredRows: The maximum number of rows in a step whose logits score prompts.
  ///   - memory: Pages and slots, at least as many slots as sequences can run.
  init(maxBatchTokens: Int, maxRunning: Int, maxScoredRows: Int, memory: SequenceMemory) {
    precondition(
      maxRunning >= 1 && maxBatchTokens >= maxRunning && memory.slots.count >= maxRunning,
      "\(maxBatchTokens) rows and \(memory.slots.count) slots for \(maxRunning) sequences")
    precondition(maxScoredRows >= 1, "\(maxScoredRows) rows score prompts")
    self.maxBatchTokens = maxBatchTokens
    self.maxRunning = maxRunning
    self.maxScoredRows = maxScoredRows
    self.memory = memory
  }

  /// `true` when there is nothing to do until a parked sequence goes on.
  var isIdle: Bool { running.isEmpty && waiting.isEmpty }

  /// Takes a sequence on and numbers it. Its tokens and all to come must fit the pages.
  mutating func add(_ sequence: Sequence) {
    let count = sequence.scheduling.tokens.count
    precondition(count > 0 && memory.pageCount(for: count) <= memory.pages.count, "\(count) tokens never fit")
    sequence.scheduling.id = arrivals
    arrivals += 1
    follow(sequence)
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
    removed.scheduling.release(to: &memory)
    return removed
  }

  /// Removes all sequences, and returns them in order of arrival.
  mutating func removeAll() -> [Sequence] {
    let all = (running + parked + waiting).sorted { $0.scheduling.id < $1.scheduling.id }
    for sequence in all { sequence.scheduling.release(to: &memory) }
    running = []
    parked = []
    waiting = []
    return all
  }

  /// Calls `body` with pages and slots whose memory is to go back to the system, if there are any.
  mutating func giveBackMemory(_ body: (SequenceMemory.Released) -> Void) { memory.giveBack(body) }

  /// Gives up all that is kept and that no sequence holds.
  mutating func resetCache() { memory.reset() }

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
    sequence.scheduling.release(to: &memory, isWanted: true)
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
    sequence.scheduling.appendRun(of: rows, to: &plan) { memory.takeSpareSlot(leaving: promisedPages) }
    planned.append(sequence)
  }

  /// The pages that running sequences need for the tokens that they have, and one more each.
  private var promisedPages: Int {
    running.reduce(0) {
      $0 + max(0, memory.pageCount(for: $1.scheduling.tokens.count) + 1 - $1.scheduling.pages.count)
    }
  }

  /// Advances the sequences of `plan`, the last one planned, given the outcome of each run.
  mutating func commit(_ plan: StepPlan, _ outcomes: [RunOutcome]) {
    precondition(
      outcomes.count == plan.runs.count && planned.count == plan.runs.count,
      "\(outcomes.count) outcomes of \(plan.runs.count) runs of \(planned.count) sequences")
    for index in planned.indices {
      let sequence = planned[index]
      let run = plan.runs[index]
      sequence.scheduling.finish(run, plan.captures[run.captures], in: &memory)
      let (id, missing) = (sequence.scheduling.id, sequence.scheduling.missing)
      switch outcomes[index] {
      case .pending: precondition(missing > 0, "sequence \(id) has nothing left to compute")
      case .token(let token):
        precondition(missing == 0, "sequence \(id): token \(token) with \(missing) to compute")
        sequence.scheduling.append(token)
      case .ended: sequence.scheduling.release(to: &memory)
      }
    }
    planned.removeAll(keepingCapacity: true)
    running.removeAll { $0.scheduling.slot == nil }
    // Who comes back from being parked may have been admitted behind younger ones.
    let isInOrder = zip(running, running.dropFirst()).allSatisfy { $0.scheduling.id < $1.scheduling.id }
    if !isInOrder { running.sort { $0.scheduling.id < $1.scheduling.id } }
  }

  /// Moves sequences from the queue's head into the plan while there is room. When a row is left, all running prompts
  /// have got theirs, pages included. Those that wait for an older one's state are passed over.
  private mutating func admit(into plan: inout StepPlan, _ budget: inout Budget) {
    var index = 0
    while budget.rows > 0, index < waiting.count, running.count < maxRunning {
      let next = waiting[index]
      if waitsForLeader(next) {
        index += 1
        continue
      }
      guard start(next, in: &plan) else { break }
      waiting.remove(at: index)
      running.append(next)
      advance(running.count - 1, in: &plan, &budget)
    }
  }

  /// Gives a sequence a slot, and what the cache has of its first tokens. Returns `false` when there is no room.
  private mutating func start(_ next: Sequence, in plan: inout StepPlan) -> Bool {
    var hit = SequenceMemory.Hit()
    if let scope = next.scheduling.scope {
      hit = memory.lookUp(next.scheduling.tokens, limit: next.scheduling.reusable, in: scope)
    }
    memory.hold(hit)
    guard hasRoom(for: next, behind: hit) else {
      memory.letGo(hit)
      return false
    }
    var slot = takeSlot()
    if slot == nil {
      // So little memory that the sequence needs the very slot.
      memory.letGo(hit)
      hit = SequenceMemory.Hit()
      slot = takeSlot()
    }
    guard let slot else { return false }
    if hit.partialPage != nil {
      if let page = takePage() {
        next.scheduling.hold(slot: slot, hit, in: &memory)
        next.scheduling.copyPartialPage(to: page, of: hit, in: &plan)
        return true
      }
      // So little memory that the sequence needs the very page: it is computed anew.
      memory.letGo(hit)
      hit = SequenceMemory.Hit()
    }
    next.scheduling.hold(slot: slot, hit, in: &memory)
    return true
  }

  private func hasRoom(for next: Sequence, behind hit: SequenceMemory.Hit) -> Bool {
    guard !running.isEmpty else { return true }
    let needed = memory.pageCount(for: next.scheduling.tokens.count) + 1 + running.count - hit.pages.count
    return memory.hasPages(
      needed - parked.reduce(0) { $0 + $1.scheduling.pages.count },
      takingSlots: 1 - parked.count { $0.scheduling.slot != nil })
  }

  private mutating func takeSlot() -> Int32? {
    if let slot = memory.takeSlot() { return slot }
    return reclaim() ? memory.takeSlot() : nil
  }

  private mutating func takePage() -> Int32? {
    while true {
      if let page = memory.takePage() { return page }
      guard reclaim() else { return nil }
    }
  }

  /// Gets pages for up to `rows` more tokens of a running sequence, if need be from parked and from younger ones, and
  /// returns the number of tokens that there are pages for.
  private mutating func secure(_ rows: Int, for index: Int) -> Int {
    let sequence = running[index]
    let needed = memory.pageCount(for: sequence.scheduling.computed + rows)
    while sequence.scheduling.pages.count < needed {
      if let page = takePage() {
        sequence.scheduling.hold(page: page)
      } else if index < running.count - 1 {
        let last = running.removeLast()
        preempt(last)
        Self.insert(last, into: &waiting)
      } else {
        break
      }
    }
    return min(rows, sequence.scheduling.pages.count * memory.pageTokens - sequence.scheduling.computed)
  }
}

// Sequences that begin alike and come together.
extension Scheduler {
  /// Finds the older sequence that a new one shares most tokens with, and has it keep its state where they part.
  private func follow(_ sequence: Sequence) {
    sequence.scheduling.leader = nil
    guard let scope = sequence.scheduling.scope else { return }
    var leader: (sequence: Sequence, tokens: Int)?
    func consider(_ other: Sequence) {
      guard other.scheduling.scope == scope, other.scheduling.id < sequence.scheduling.id else { return }
      let common = commonPrefix(other.scheduling.tokens, sequence.scheduling.tokens)
      let shared = min(common, sequence.scheduling.reusable, other.scheduling.tokens.count - 1)
      if shared > max(other.scheduling.computed, leader?.tokens ?? 0) { leader = (other, shared) }
    }
    running.forEach(consider)
    waiting.forEach(consider)
    guard let leader, leader.tokens >= SchedulingState.leastKept else { return }
    leader.sequence.scheduling.mark(leader.tokens)
    sequence.scheduling.mark(leader.tokens)
    sequence.scheduling.leader = (leader.sequence.scheduling.id, leader.tokens)
  }

  /// `true` while an older sequence is computing what a waiting one begins with as well.
  private func waitsForLeader(_ sequence: Sequence) -> Bool {
    while let leader = sequence.scheduling.leader {
      if let other = running.first(where: { $0.scheduling.id == leader.id })
        ?? waiting.first(where: { $0.scheduling.id == leader.id })
      {
        return other.scheduling.computed < leader.tokens
      }
      // It has ended or pauses; somebody else may have the same prefix.
      follow(sequence)
    }
    return false
  }
}
