internal import DequeModule

/// The outcome of a run of a plan.
enum RunOutcome: Equatable {
  /// Tokens are left to compute.
  case pending
  /// The sequence goes on with this token, and others that must come behind it.
  case token(Int32, forced: [Int32] = [])
  /// The sequence has ended.
  case ended
}

/// Decides what each step computes: continuous batching, with prompts in chunks beside the sequences that decode.
///
/// Pure bookkeeping: no clock, no model, no bytes, but for states that its memory has copied to and from cold slots; of a
/// sequence it sees the ``SchedulingState``. Each step is a
/// ``plan(into:)`` and a ``commit(_:_:)``; sequences come and go in between.
///
/// **Rows.** Sequences that decode get a row in every step. What is left of the step's rows, or of its time, goes to
/// prompts: by priority, then to clients that were served least, then to whoever has least left to compute. A quarter goes
/// to the first of the running prompts by rank whatever is shorter, so that a long prompt is never starved, and an eighth to
/// the shortest whoever's it is.
///
/// **Memory.** Rank is priority and then age; `running`, `waiting` and `parked` are each in its order. When pages run out,
/// a sequence takes them from the last running one, which waits again and computes little anew, since the cache keeps
/// what it can; the last itself waits in place. Therefore the first always advances (alone it fits, or it was refused),
/// and so, one after the other, do all.
///
/// **Admission** goes by the order of rows, but of each priority sequences go first that were preempted while they answered,
/// and then those that were overtaken too often, both by age. Who finds no room keeps others from overtaking. Preemption cannot thrash: beside others a sequence
/// is admitted only if there are pages for all its tokens, for those that running prompts have still to get, and for each
/// of them to grow into, so nobody is preempted in the next steps, as many as a page has tokens. Running sequences only
/// grow, so one that was preempted cannot come back before another has ended: between two endings there are at most as
/// many preemptions as running sequences, beside those that make room for who is more urgent.
///
/// Pages and slots share the memory's budget, and none of this changes: the slots of running sequences are set aside, at
/// least two where states are kept and two fit, so that the first to advance has its own and that which it starts from, and all pages fit beside them. What
/// other slots take is counted when a sequence is admitted, and given up as pages are needed; a state is kept in passing
/// only where it leaves the pages that running sequences were promised.
///
/// A sequence whose tokens nobody takes is parked: it takes no part in steps, and keeps its memory for as long as
/// nobody else needs it. Parked memory counts as free. Who comes back without memory queues up by rank.
struct Scheduler<Sequence: Schedulable> {
  /// The maximum number of rows in a step; no fewer than there are slots, so that every running sequence gets one.
  let maxBatchTokens: Int
  /// The maximum number of rows in a step whose logits score prompts.
  let maxScoredRows: Int
  /// The maximum number of sequences that run at the same time.
  let maxRunning: Int
  /// The seconds that a step with decoding sequences should take at most; `nil` for as long as throughput asks for.
  let targetSeconds: Double?
  /// The time of steps, learned from those that were.
  var cost = StepCost()
  /// The service of each client.
  var clients = ServiceCounters()
  /// Pages and slots, and the state that is kept in them for sequences to come.
  var memory: SequenceMemory
  /// Sequences with a slot, by rank.
  var running: [Sequence] = []
  /// Sequences without memory, by rank.
  var waiting: Deque<Sequence> = []
  /// Sequences that neither run nor wait, by rank.
  private(set) var parked: [Sequence] = []
  /// Sequences of the plan under way, one for each of its runs.
  var planned: [Sequence] = []
  /// Sequences that lost their memory to others in the last plan.
  var preempted: [Sequence] = []
  /// Sequences that were added so far.
  private var arrivals = 0

  /// - Parameters:
  ///   - maxBatchTokens: The maximum number of rows in a step.
  ///   - maxRunning: The maximum number of sequences that run at the same time.
  ///   - maxScoredRows: The maximum number of rows in a step whose logits score prompts.
  ///   - targetSeconds: The seconds that a step with decoding sequences should take at most.
  ///   - memory: Pages and slots, at least as many slots as sequences can run.
  init(
    maxBatchTokens: Int, maxRunning: Int, maxScoredRows: Int, targetSeconds: Double? = nil, memory: SequenceMemory
  ) {
    precondition(
      maxRunning >= 1 && maxBatchTokens >= maxRunning && memory.slots.count >= maxRunning,
      "\(maxBatchTokens) rows and \(memory.slots.count) slots for \(maxRunning) sequences")
    precondition(maxScoredRows >= 1, "\(maxScoredRows) rows score prompts")
    self.maxBatchTokens = maxBatchTokens
    self.maxRunning = maxRunning
    self.maxScoredRows = maxScoredRows
    self.targetSeconds = targetSeconds
    self.memory = memory
  }

  /// `true` when there is nothing to do until a parked sequence goes on.
  var isIdle: Bool { running.isEmpty && waiting.isEmpty }

  /// Takes a sequence on and numbers it. Its tokens and all to come must fit the pages.
  mutating func add(_ sequence: Sequence) {
    let count = sequence.scheduling.tokens.count
    precondition(
      count > 0 && memory.rows.pageCount(for: count, run: memory.pageTokens) <= memory.pages.count,
      "\(count) tokens never fit")
    sequence.scheduling.id = arrivals
    arrivals += 1
    sequence.scheduling.clientIndex = clients.enter(sequence.scheduling.client)
    if let scope = sequence.scheduling.scope {
      let hit = memory.lookUp(sequence.scheduling.tokens, limit: sequence.scheduling.reusable, in: scope)
      sequence.scheduling.expectedTokens = hit.tokens
    }
    follow(sequence)
    Self.insert(sequence, into: &waiting)
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
    end(removed)
    return removed
  }

  /// Removes all sequences, and returns them in order of arrival.
  mutating func removeAll() -> [Sequence] {
    let all = (running + parked + waiting).sorted { $0.scheduling.id < $1.scheduling.id }
    all.forEach { end($0) }
    running = []
    parked = []
    waiting = []
    return all
  }

  /// Frees what a sequence holds that goes for good.
  private mutating func end(_ sequence: Sequence) {
    sequence.scheduling.release(to: &memory)
    clients.leave(sequence.scheduling.clientIndex)
  }

  /// Calls `body` with pages and slots whose memory is to go back to the system, if there are any.
  mutating func giveBackMemory(_ body: (SequenceMemory.Released) -> Void) { memory.giveBack(body) }

  /// Gives up all that is kept and that no sequence holds.
  mutating func resetCache() { memory.reset() }

  /// Changes the memory between two steps.
  mutating func withMemory(_ body: (inout SequenceMemory) -> Void) { body(&memory) }

  /// `true` while a sequence waits for state that is being loaded.
  var isLoading: Bool { waiting.contains { $0.scheduling.isLoading } }

  /// `true` when a sequence that has not run has less in memory, and in what an older one computes, than the state of
  /// `count` tokens would give it. O(count).
  func benefits(_ sequence: Sequence, from count: Int) -> Bool {
    guard count > 0, let scope = sequence.scheduling.scope else { return false }
    let found = memory.lookUp(sequence.scheduling.tokens, limit: count, in: scope).tokens
    return count >= max(found, sequence.scheduling.leader?.tokens ?? 0) + SchedulingState.leastKept
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

  /// Inserts by rank.
  static func insert<List: RangeReplaceableCollection<Sequence> & BidirectionalCollection>(
    _ sequence: Sequence, into list: inout List
  ) {
    var index = list.endIndex
    while index > list.startIndex {
      let before = list.index(before: index)
      guard sequence.scheduling.rank < list[before].scheduling.rank else { break }
      index = before
    }
    list.insert(sequence, at: index)
  }

  /// Takes the memory of the last parked sequence that has any. Returns whether there was one.
  mutating func reclaim() -> Bool {
    guard let index = parked.lastIndex(where: { $0.scheduling.slot != nil }) else { return false }
    preempt(parked[index])
    return true
  }

  /// Takes the memory of the last running sequence, which waits again and is not in the plan.
  mutating func preemptLast(_ plan: inout StepPlan) {
    let last = running.removeLast()
    plan.pageCopies.removeAll { last.scheduling.pages.contains($0.target) }
    last.scheduling.isDealt = true
    preempt(last)
    Self.insert(last, into: &waiting)
  }

  private mutating func preempt(_ sequence: Sequence) {
    sequence.scheduling.release(to: &memory, isWanted: true)
    preempted.append(sequence)
  }

  /// Advances the sequences of `plan`, the last one planned, given the outcome of each run.
  mutating func commit(_ plan: StepPlan, _ outcomes: [RunOutcome]) {
    precondition(
      outcomes.count == plan.runs.count && planned.count == plan.runs.count,
      "\(outcomes.count) outcomes of \(plan.runs.count) runs of \(planned.count) sequences")
    var hasEnded = false
    for index in planned.indices {
      let sequence = planned[index]
      let run = plan.runs[index]
      sequence.scheduling.finish(run, plan.captures[run.captures], in: &memory)
      clients.charge(sequence.scheduling.clientIndex, sequence.scheduling.chargePrompt())
      let (id, missing) = (sequence.scheduling.id, sequence.scheduling.missing)
      switch outcomes[index] {
      case .pending: precondition(missing > 0, "sequence \(id) has nothing left to compute")
      case .token(let token, let forced):
        precondition(missing == 0, "sequence \(id): token \(token) with \(missing) to compute")
        sequence.scheduling.append(token)
        for token in forced { sequence.scheduling.append(token) }
        clients.charge(sequence.scheduling.clientIndex, ServiceCounters.generatedWeight + forced.count)
      case .ended:
        end(sequence)
        hasEnded = true
      }
    }
    planned.removeAll(keepingCapacity: true)
    if hasEnded { running.removeAll { $0.scheduling.slot == nil } }
  }

  /// Learns the time that a plan took, unless it scored prompts: rows with logits take longer than others.
  mutating func observe(_ plan: StepPlan, seconds: Double) {
    guard plan.runs.allSatisfy({ $0.logits.count <= 1 }) else { return }
    var (decoding, prompts) = (StepCost.Work(), StepCost.Work())
    for run in plan.runs {
      if run.tokens.count == 1 {
        decoding.add(rows: 1, position: run.position)
      } else {
        prompts.add(rows: run.tokens.count, position: run.position)
      }
    }
    cost.observe(decoding: decoding, prompts: prompts, seconds: seconds)
  }
}
