internal import DequeModule

// Who begins to run, and the memory of those that do.
extension Scheduler {
  /// Moves a waiting sequence to the running ones if there is room, or if those that are less urgent have it. Returns
  /// whether it was moved.
  mutating func admit(_ next: Sequence, _ budget: inout StepBudget, into plan: inout StepPlan) -> Bool {
    guard canHaveRoom(next) else { return false }
    while running.count >= maxRunning || !start(next, in: &plan) {
      guard let last = running.last, last.scheduling.priority > next.scheduling.priority else { return false }
      budget.rows += last.scheduling.share
      budget.scoredRows += last.scheduling.scoredCount(within: last.scheduling.share)
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

  /// `false` when there would be no room for a sequence even without those that are less urgent, as far as is known
  /// without looking up its tokens.
  private func canHaveRoom(_ next: Sequence) -> Bool {
    let kept = running.firstIndex { $0.scheduling.priority > next.scheduling.priority } ?? running.count
    guard kept < maxRunning else { return false }
    let expected = memory.rows.pageCount(
      for: next.scheduling.expectedTokens / memory.pageTokens * memory.pageTokens, run: 0)
    return hasRoom(for: next, holding: expected, beside: kept)
  }

  /// Gives a sequence a slot, and what the cache has of its first tokens. Returns `false` when there is no room.
  private mutating func start(_ next: Sequence, in plan: inout StepPlan) -> Bool {
    var hit = SequenceMemory.Hit()
    if let scope = next.scheduling.scope {
      hit = memory.lookUp(next.scheduling.tokens, limit: next.scheduling.reusable, in: scope)
      next.scheduling.expectedTokens = hit.tokens
    }
    memory.hold(hit)
    guard hasRoom(for: next, holding: hit.pageCount, beside: running.count) else {
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
    if !hit.partialPages.isEmpty {
      if let row = takeRow() {
        next.scheduling.hold(slot: slot, hit, in: &memory)
        next.scheduling.copyPartialPages(to: row, of: hit, in: &plan)
        return true
      }
      // So little memory that the sequence needs the very pages: it is computed anew.
      memory.letGo(hit)
      hit = SequenceMemory.Hit()
    }
    next.scheduling.hold(slot: slot, hit, in: &memory)
    return true
  }

  /// `true` when there are pages for a sequence that holds some, for all that the first `kept` running ones have still to
  /// compute, and for one more of each; the others' memory counts as free.
  private func hasRoom(for next: Sequence, holding count: Int, beside kept: Int) -> Bool {
    guard kept > 0 else { return true }
    let needed = promisedPages(of: running[..<kept]) + missingPages(of: next, holding: count)
    let freed = running[kept...].reduce(pagesOfParked) { $0 + $1.scheduling.pageCount }
    return memory.hasPages(needed - freed, takingSlots: 1 - slotsOfParked - (running.count - kept))
  }

  /// The pages that running sequences need for the tokens that they have, and one more each.
  func promisedPages(of sequences: ArraySlice<Sequence>) -> Int {
    sequences.reduce(0) { $0 + missingPages(of: $1, holding: $1.scheduling.pageCount) }
  }

  private func missingPages(of sequence: Sequence, holding count: Int) -> Int {
    let state = sequence.scheduling
    return max(0, memory.pageCount(for: state.tokens.count, computing: state.missing) + memory.rows.groupCount - count)
  }

  /// The pages that parked sequences hold and that no other sequence does.
  private var pagesOfParked: Int {
    parked.reduce(0) { $0 + $1.scheduling.pages.count { $0 != PageRows.none && memory.pages.isHeldOnce($0) } }
  }

  private var slotsOfParked: Int { parked.count { $0.scheduling.slot != nil } }

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

  /// A page of each group.
  private mutating func takeRow() -> [Int32]? {
    var row: [Int32] = []
    while row.count < memory.rows.groupCount {
      guard let page = takePage() else {
        memory.give(pages: row)
        return nil
      }
      row.append(page)
    }
    return row
  }

  /// Gets pages for up to `rows` more tokens of a running sequence, if need be from parked ones and from those behind it,
  /// and returns the number of tokens that there are pages for.
  mutating func secure(_ rows: Int, for index: Int, in plan: inout StepPlan) -> Int {
    let sequence = running[index]
    let groups = memory.rows.groupCount
    let needed = memory.rows.count(for: sequence.scheduling.computed + rows) * groups
    while sequence.scheduling.pages.count < needed {
      if let page = takePage() {
        sequence.scheduling.hold(page: page)
      } else if index < running.count - 1 {
        preemptLast(&plan)
      } else {
        break
      }
    }
    // A row without all its pages waits for the others.
    let whole = sequence.scheduling.pages.count / groups
    return min(rows, whole * memory.pageTokens - sequence.scheduling.computed)
  }
}
