internal import DequeModule

// The rows of a step.
extension Scheduler {
  /// The part of a step's prompt rows that goes to the first running prompt by rank: one in so many.
  private static var partOfFirst: Int { 4 }
  /// The part that goes to the shortest prompt whoever's it is.
  private static var partOfShortest: Int { 8 }
  /// The prompt rows of a step that has no time for any.
  private static var leastRows: Int { 8 }
  /// The seconds that any step may take, so that a cancellation and an arrival are looked at soon, and the number of
  /// times that the weights may be read instead, which matters more for large models.
  private static var patience: (seconds: Double, reads: Double) { (0.08, 40) }
  /// The part of the target that is planned for: times vary.
  private static var caution: Double { 0.9 }

  /// Writes the next step's runs, by rank. O(rows + running + waiting · admitted), and the length of what sequences share
  /// that begin to follow another.
  mutating func plan(into plan: inout StepPlan) {
    plan.removeAll()
    planned.removeAll(keepingCapacity: true)
    preempted.removeAll(keepingCapacity: true)
    let decoding = dealToDecodes()
    if !waiting.isEmpty || running.contains(where: { !$0.scheduling.isDealt }) { deal(beside: decoding, into: &plan) }
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

  /// Sets a row aside for each sequence that answers, as far as one is left for the first by rank. Further rows for tokens that
  /// were taken without asking are dealt as those of prompts are. Those that come back from being parked may be more than the
  /// rows.
  private func dealToDecodes() -> StepCost.Work {
    var work = StepCost.Work()
    let isFirstReading = running.first.map { !$0.scheduling.isAnswering } ?? false
    for sequence in running {
      let hasRow = sequence.scheduling.isAnswering && work.rows < maxBatchTokens - (isFirstReading ? 1 : 0)
      sequence.scheduling.share = hasRow ? 1 : 0
      sequence.scheduling.isDealt = sequence.scheduling.missing == 1
      if hasRow { work.add(rows: 1, position: sequence.scheduling.computed) }
    }
    return work
  }

  /// Deals the rows that are left beside the decoding sequences' to prompts, and admits those that get some.
  private mutating func deal(beside decoding: StepCost.Work, into plan: inout StepPlan) {
    var budget = budget(beside: decoding)
    for sequence in waiting { sequence.scheduling.isDealt = waitsForLeader(sequence) }
    if let first = running.first(where: { !$0.scheduling.isDealt }) {
      var part = budget.take(oneIn: Self.partOfFirst)
      give(&part, to: first)
      budget.put(back: part)
    }
    // Half of the places go to whose turn it is.
    if let shortest = nextPrompt(amongWaiting: running.count < maxRunning / 2, countingService: false) {
      var part = budget.take(oneIn: Self.partOfShortest)
      _ = deal(&part, to: shortest, in: &plan)
      budget.put(back: part)
    }
    var admits = true
    while budget.hasRows, let next = nextPrompt(amongWaiting: admits) {
      if deal(&budget, to: next, in: &plan) { next.scheduling.isDealt = true } else { admits = false }
    }
  }

  /// Gives a prompt rows, and admits it if it waits. Returns `false` when there is no room for it.
  private mutating func deal(_ budget: inout StepBudget, to next: Sequence, in plan: inout StepPlan) -> Bool {
    if next.scheduling.slot == nil {
      guard admit(next, &budget, into: &plan) else { return false }
    }
    give(&budget, to: next)
    return true
  }

  private func budget(beside decoding: StepCost.Work) -> StepBudget {
    var budget = StepBudget(rows: maxBatchTokens - decoding.rows, scoredRows: maxScoredRows)
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
  private func give(_ budget: inout StepBudget, to sequence: Sequence) {
    let state = sequence.scheduling
    var rows = min(state.missing - state.share, budget.rows)
    let scoring = state.rows(scoringAtMost: state.scoredCount(within: state.share) + budget.scoredRows)
    rows = min(rows, scoring - state.share)
    guard rows > 0 else { return }
    if let seconds = budget.seconds {
      let position = state.computed + state.share
      let fitting = cost.rows(within: seconds, position: position, limit: rows)
      // Somebody always advances.
      rows = budget.isWhole ? max(fitting, min(rows, Self.leastRows)) : fitting
      budget.seconds = rows > 0 ? seconds - cost.seconds(ofFurther: rows, position: position) : 0
      guard rows > 0 else { return }
    }
    budget.isWhole = false
    budget.rows -= rows
    budget.scoredRows -= state.scoredCount(within: state.share + rows) - state.scoredCount(within: state.share)
    sequence.scheduling.share += rows
  }

  /// The prompt that gets rows next, of those that were not dealt any.
  private func nextPrompt(amongWaiting admits: Bool, countingService: Bool = true) -> Sequence? {
    var best: (sequence: Sequence, turn: PromptTurn)?
    func consider(_ sequence: Sequence) {
      let state = sequence.scheduling
      guard !state.isDealt else { return }
      let turn = PromptTurn(state, served: countingService ? clients[state.clientIndex] : 0)
      if best.map({ turn < $0.turn }) ?? true { best = (sequence, turn) }
    }
    running.forEach(consider)
    if admits { waiting.forEach(consider) }
    return best?.sequence
  }

  /// Adds the tokens to the plan that a running sequence can compute of its share.
  private mutating func advance(_ index: Int, in plan: inout StepPlan) {
    let sequence = running[index]
    let rows = secure(sequence.scheduling.share, for: index, in: &plan)
    guard rows > 0 else { return }
    sequence.scheduling.appendRun(of: rows, to: &plan) {
      memory.takeSpareSlot(leaving: promisedPages(of: running[...]))
    }
    planned.append(sequence)
  }
}
