internal import DequeModule

// The rows of a step, and the memory for them.
extension Scheduler {
  /// The rows of a step that are left for prompts.
  struct Budget {
    var rows: Int
    /// The number of rows whose logits may score prompts.
    var scoredRows: Int
    /// The seconds that prompt rows may take; `nil` while nothing is known of their time.
    var seconds: Double?

    /// A part of the budget, which is taken out of it.
    mutating func take(oneIn parts: Int) -> Budget {
      let part = Budget(
        rows: (rows + parts - 1) / parts, scoredRows: scoredRows, seconds: seconds.map { $0 / Double(parts) })
      rows -= part.rows
      scoredRows = 0
      seconds = seconds.map { $0 - (part.seconds ?? 0) }
      return part
    }

    /// Puts back what is left of a part.
    mutating func put(back part: Budget) {
      rows += part.rows
      scoredRows += part.scoredRows
      seconds = seconds.map { $0 + (part.seconds ?? 0) }
    }
  }

  /// The part of a step's prompt rows that goes to the first prompt by rank: one in so many.
  private static var parts: Int { 4 }
  /// The prompt rows that a step has time for, however short of it: in this many a prompt advances at a fair rate.
  private static var leastRows: Int { 8 }
  /// The seconds that any step may take, so that a cancellation and an arrival are looked at soon, and the number of
  /// times that the weights may be read instead, which matters more for large models.
  private static var patience: (seconds: Double, reads: Double) { (0.08, 40) }
  /// The part of the target that is planned for: times vary.
  private static var caution: Double { 0.9 }
  /// The number of younger sequences after which one that waits goes before them.
  private static var maxOvertaken: Int { 32 }

  /// Writes the next step's runs, by rank. O(rows + running + waiting · admitted).
  mutating func plan(into plan: inout StepPlan) {
    plan.removeAll()
    planned.removeAll(keepingCapacity: true)
    preempted.removeAll(keepingCapacity: true)
    let decoding = dealToDecodes()
    if decoding.rows < running.count || !waiting.isEmpty { deal(beside: decoding, into: &plan) }
    var index = 0
    while index < running.count {
      advance(index, in: &plan)
      index += 1
    }
    if plan.runs.isEmpty, let first = running.first {
      // It began in this step with no rows left, and keeps all others from the memory that they need.
      first.scheduling.share = 1
      advance(0, in: &plan)
    }
  }

  /// Sets a row aside for each sequence that decodes, as far as one is left for the first by rank. Those that come back
  /// from being parked may be more than the rows.
  private func dealToDecodes() -> StepCost.Work {
    var work = StepCost.Work()
    let isFirstReading = (running.first?.scheduling.missing ?? 1) > 1
    for sequence in running {
      let isDecoding = sequence.scheduling.missing == 1
      let hasRow = isDecoding && work.rows < maxBatchTokens - (isFirstReading ? 1 : 0)
      sequence.scheduling.share = hasRow ? 1 : 0
      sequence.scheduling.isDealt = isDecoding
      if hasRow { work.add(rows: 1, position: sequence.scheduling.computed) }
    }
    return work
  }

  /// Deals the rows that are left beside the decoding sequences' to prompts, and admits those that get some.
  private mutating func deal(beside decoding: StepCost.Work, into plan: inout StepPlan) {
    var budget = budget(beside: decoding)
    if let first = running.first(where: { !$0.scheduling.isDealt }) {
      var part = budget.take(oneIn: Self.parts)
      give(&part, to: first)
      budget.put(back: part)
    }
    for sequence in waiting { sequence.scheduling.isDealt = waitsForLeader(sequence) }
    var admits = true
    while budget.rows > 0, let next = nextPrompt(amongWaiting: admits) {
      if next.scheduling.slot == nil {
        if waitsForLeader(next) {
          next.scheduling.isDealt = true
          continue
        }
        guard admit(next, &budget, into: &plan) else {
          admits = false
          continue
        }
      }
      give(&budget, to: next)
      next.scheduling.isDealt = true
    }
  }

  private func budget(beside decoding: StepCost.Work) -> Budget {
    var budget = Budget(rows: maxBatchTokens - decoding.rows, scoredRows: maxScoredRows)
    let target = decoding.rows > 0 ? targetSeconds.map { $0 * Self.caution } : nil
    guard cost.isKnown else {
      if target != nil { budget.rows = min(budget.rows, 4 * Self.leastRows) }
      return budget
    }
    let longest = max(Self.patience.seconds, Self.patience.reads * cost.leastSeconds)
    budget.seconds = cost.secondsForPrompts(in: min(target ?? longest, longest), decoding: decoding)
    return budget
  }

  /// Gives a prompt as many rows as it can use.
  private func give(_ budget: inout Budget, to sequence: Sequence) {
    let state = sequence.scheduling
    var rows = min(state.missing - state.share, budget.rows)
    let scoring = state.rows(scoringAtMost: state.scored(within: state.share).count + budget.scoredRows)
    rows = min(rows, scoring - state.share)
    guard rows > 0 else { return }
    let position = state.computed + state.share
    if let seconds = budget.seconds {
      // Somebody always advances.
      rows = max(cost.rows(within: seconds, position: position, limit: rows), min(rows, Self.leastRows))
      budget.seconds = seconds - cost.seconds(ofFurther: rows, position: position)
      if (budget.seconds ?? 0) <= 0 { budget.rows = rows }
    }
    budget.rows -= rows
    budget.scoredRows -= state.scored(within: state.share + rows).count - state.scored(within: state.share).count
    sequence.scheduling.share += rows
  }

  /// The prompt that gets rows next, of those that were not dealt any.
  private func nextPrompt(amongWaiting admits: Bool) -> Sequence? {
    var best: (sequence: Sequence, turn: Turn)?
    func consider(_ sequence: Sequence) {
      guard !sequence.scheduling.isDealt else { return }
      let turn = turn(of: sequence)
      if best.map({ turn < $0.turn }) ?? true { best = (sequence, turn) }
    }
    running.forEach(consider)
    if admits { waiting.forEach(consider) }
    return best?.sequence
  }

  /// The order in which prompts get rows.
  private struct Turn: Comparable {
    let priority: Int
    /// 0 for those whose answer has begun or that were overtaken too often.
    let urgency: Int
    /// The service of the client so far.
    let served: Int
    /// The number of tokens left to compute.
    let remaining: Int
    /// Of two with as much to compute the one that the cache has more of goes first.
    let length: Int
    let id: Int

    static func < (a: Turn, b: Turn) -> Bool {
      if a.priority != b.priority { return a.priority < b.priority }
      if a.urgency != b.urgency { return a.urgency < b.urgency }
      if a.served != b.served { return a.served < b.served }
      if a.remaining != b.remaining { return a.remaining < b.remaining }
      return a.length == b.length ? a.id < b.id : a.length > b.length
    }
  }

  private func turn(of sequence: Sequence) -> Turn {
    let state = sequence.scheduling
    let isWaiting = state.slot == nil
    let isUrgent = state.hasAnswered || isWaiting && state.overtaken >= Self.maxOvertaken
    return Turn(
      priority: state.priority, urgency: isUrgent ? 0 : 1, served: clients[state.clientIndex],
      remaining: state.missing - (isWaiting ? state.expectedTokens : 0), length: state.tokens.count, id: state.id)
  }

  // MARK: - Admission

  /// Moves a waiting sequence to the running ones if there is room, or if it can be made. Returns whether there was.
  private mutating func admit(_ next: Sequence, _ budget: inout Budget, into plan: inout StepPlan) -> Bool {
    while running.count >= maxRunning || !start(next, in: &plan) {
      guard let last = running.last, last.scheduling.priority > next.scheduling.priority else { return false }
      budget.rows += last.scheduling.share
      budget.scoredRows += last.scheduling.scored(within: last.scheduling.share).count
      preemptLast(&plan)
    }
    waiting.removeAll { $0 === next }
    for other in waiting where other.scheduling.id < next.scheduling.id {
      if other.scheduling.priority == next.scheduling.priority { other.scheduling.overtaken += 1 }
    }
    Self.insert(next, into: &running)
    next.scheduling.share = 0
    next.scheduling.overtaken = 0
    lead(next)
    return true
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

  /// `true` when there are pages for a sequence whose hit is held, for all that the running ones have still to compute,
  /// and for one more of each.
  private func hasRoom(for next: Sequence, behind hit: SequenceMemory.Hit) -> Bool {
    guard !running.isEmpty else { return true }
    let needed = promisedPages + missingPages(of: next, holding: hit.pages.count)
    return memory.hasPages(
      needed - parked.reduce(0) { $0 + $1.scheduling.pages.count },
      takingSlots: 1 - parked.count { $0.scheduling.slot != nil })
  }

  /// The pages that running sequences need for the tokens that they have, and one more each.
  private var promisedPages: Int {
    running.reduce(0) { $0 + missingPages(of: $1, holding: $1.scheduling.pages.count) }
  }

  private func missingPages(of sequence: Sequence, holding count: Int) -> Int {
    max(0, memory.pageCount(for: sequence.scheduling.tokens.count) + 1 - count)
  }

  // MARK: - Memory

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

  /// Adds the tokens to the plan that a running sequence can compute of its share.
  private mutating func advance(_ index: Int, in plan: inout StepPlan) {
    let sequence = running[index]
    let rows = secure(sequence.scheduling.share, for: index, in: &plan)
    guard rows > 0 else { return }
    sequence.scheduling.appendRun(of: rows, to: &plan) { memory.takeSpareSlot(leaving: promisedPages) }
    planned.append(sequence)
  }

  /// Gets pages for up to `rows` more tokens of a running sequence, if need be from parked ones and from those behind it,
  /// and returns the number of tokens that there are pages for.
  private mutating func secure(_ rows: Int, for index: Int, in plan: inout StepPlan) -> Int {
    let sequence = running[index]
    let needed = memory.pageCount(for: sequence.scheduling.computed + rows)
    while sequence.scheduling.pages.count < needed {
      if let page = takePage() {
        sequence.scheduling.hold(page: page)
      } else if index < running.count - 1 {
        preemptLast(&plan)
      } else {
        break
      }
    }
    return min(rows, sequence.scheduling.pages.count * memory.pageTokens - sequence.scheduling.computed)
  }
}
