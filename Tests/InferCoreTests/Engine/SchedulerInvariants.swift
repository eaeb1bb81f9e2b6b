import Testing

@testable import InferCore

extension Scheduler<BareSequence> {
  /// Everything that holds between calls; with a plan, also what holds between planning and committing it.
  func checkInvariants(during plan: StepPlan?) {
    checkHolders(during: plan)
    #expect(
      waiting.allSatisfy { $0.scheduling.pages.isEmpty && $0.scheduling.slot == nil && $0.scheduling.computed == 0 })
    #expect(
      parked.allSatisfy { $0.scheduling.slot != nil || $0.scheduling.pages.isEmpty && $0.scheduling.computed == 0 })
    for ranks in [running, Array(waiting), parked].map({ $0.map(\.scheduling.rank) }) {
      #expect(zip(ranks, ranks.dropFirst()).allSatisfy { $0 < $1 }, "not in order of rank: \(ranks)")
    }
    #expect(running.allSatisfy { $0.scheduling.computed < $0.scheduling.tokens.count })
    #expect(planned.map(\.id) == plan?.runs.map(\.sequence) ?? [])
    guard let plan else { return }
    #expect(!plan.runs.isEmpty)
    #expect(plan.tokens.count <= maxBatchTokens)
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

  /// That every kept state knows the nearest before it, and how many come next.
  func checkLinks() {
    var successors: [Int32: Int] = [:]
    for node in memory.tree.nodes where node.count > 0 {
      for state in node.states {
        guard let kept = memory.states[state.slot] else {
          Issue.record("no state in slot \(state.slot)")
          continue
        }
        let previous = memory.tree.state(before: state.offset, of: kept.node)
        #expect(kept.previous == previous ?? KeptStates.none && kept.position == node.position + state.offset)
        if let previous { successors[previous, default: 0] += 1 }
      }
    }
    for node in memory.tree.nodes where node.count > 0 {
      for state in node.states { #expect(memory.states[state.slot]?.successors == successors[state.slot, default: 0]) }
    }
  }

  /// That every page and slot is held by as many as say so.
  private func checkHolders(during plan: StepPlan?) {
    #expect(memory.byteCount <= memory.budget.bytes)
    var pages = Array(repeating: 0, count: memory.pages.count)
    var slots = Array(repeating: 0, count: memory.slots.count + memory.coldSlots.count)
    func count(_ table: some Swift.Sequence<Int32>) {
      for page in table where page != PageRows.none { pages[Int(page)] += 1 }
    }
    for sequence in running + parked {
      count(sequence.scheduling.pages)
      #expect(sequence.scheduling.pageCount == sequence.scheduling.pages.count { $0 != PageRows.none })
      if let slot = sequence.scheduling.slot { slots[Int(slot)] += 1 }
      count(sequence.scheduling.held.pages)
      if let slot = sequence.scheduling.held.slot { slots[Int(slot)] += 1 }
    }
    for capture in plan?.captures ?? [] { slots[Int(capture.slot)] += 1 }
    for lease in memory.leases {
      count(lease.pages)
      for state in lease.states { slots[Int(state.slot)] += 1 }
    }
    var kept = 0
    for (index, node) in memory.tree.nodes.enumerated() where node.count > 0 {
      count(memory.tree.row(of: Int32(index)))
      for state in node.states { slots[Int(state.slot)] += 1 }
      kept += node.states.count
    }
    #expect(kept == memory.states.count)
    let idle = memory.tree.nodes.indices.reduce(0) { sum, node in
      sum + memory.tree.row(of: Int32(node)).count { $0 != PageRows.none && pages[Int($0)] == 1 }
    }
    #expect(idle == memory.pages.idleCount)
    #expect(pages == pages.indices.map { memory.pages.holderCount(Int32($0)) }, "holders of pages")
    let holders = [memory.slots, memory.coldSlots].flatMap { pool in
      (0..<Int32(pool.count)).map { pool.holderCount($0) }
    }
    #expect(slots == holders, "holders of slots")
    #expect(running.allSatisfy { $0.scheduling.slot != nil })
    let own = (running + parked).compactMap(\.scheduling.slot)
    #expect(Set(own).count == own.count, "a slot belongs to two sequences")
  }
}
