import Testing

@testable import InferCore

/// Messages of rank 0 as bytes.
@Suite struct RankMessageTests {
  private var plan: StepPlan {
    var plan = StepPlan()
    plan.tokens = [5, 6, 7, 511]
    plan.pages = [3, 1, 2]
    plan.captures = [StateCapture(rows: 2, slot: 9)]
    plan.pageCopies = [PageCopy(from: 4, to: 1, tokens: 3, group: 1)]
    plan.runs = [
      Run(
        sequence: 70, tokens: 0..<3, position: 12, pages: 0..<2, slot: 0, start: .copy(of: 8), captures: 0..<1,
        logits: 3..<3, hidden: 1..<3),
      Run(sequence: 71, tokens: 3..<4, position: 0, pages: 2..<3, slot: 1, logits: 3..<4, adapter: 2),
    ]
    return plan
  }

  @Test func stepsAreWhatTheyWere() throws {
    let changes: [StateChange] = [.copySlot(from: 1, to: 40), .giveBack(pages: [2, 3], slots: [])]
    guard case .step(let readChanges, let read) = try RankMessage(RankMessage.step(changes, plan).bytes) else {
      Issue.record("no step")
      return
    }
    #expect(readChanges == changes)
    #expect(read.tokens == plan.tokens && read.pages == plan.pages)
    #expect(read.captures == plan.captures && read.pageCopies == plan.pageCopies)
    for (got, expected) in zip(read.runs, plan.runs) {
      #expect(got.tokens == expected.tokens && got.position == expected.position && got.pages == expected.pages)
      #expect(got.slot == expected.slot && got.start == expected.start && got.captures == expected.captures)
      #expect(got.logits == expected.logits && got.hidden == expected.hidden)
      #expect(got.adapter == expected.adapter)
    }
    #expect(read.runs.count == 2)
  }

  private var tasks: [StateChange] {
    let lease = PrefixLease(
      scope: CacheScope(salt: [0, 255]), tokens: [7, 8, 9], pages: [4, -1],
      states: [PrefixLease.State(position: 2, slot: 5), PrefixLease.State(position: 3, slot: 6)])
    let actions: [RankTask.Action] = [
      .write(RankTask.LentState(lease, isRounded: true), records: [0..<2, 2..<3], file: "/tmp/é"),
      .read(RankTask.LentState(lease, isRounded: false), from: 2, files: ["a", ""]), .remove(["b"]),
      .keep(["c", "d"], folder: "/e"),
    ]
    return actions.enumerated().map { .task(RankTask(number: Int32($0), action: $1)) } + [.takeBack(task: 3)]
  }

  @Test func tasksAreWhatTheyWere() throws {
    guard case .pulse(let read) = try RankMessage(RankMessage.pulse(tasks).bytes) else {
      Issue.record("no pulse")
      return
    }
    #expect(read == tasks)
    var report = RankReport()
    report.outcomes = [(3, .done), (-1, .failed("no room — é")), (9, .takenBack)]
    #expect(try RankReport(report.bytes, from: 2) == report)
    #expect(RankReport().bytes.isEmpty)
    let refusal = #expect(throws: RankError.self) { try RankReport(Array(report.bytes.dropLast(4)), from: 2) }
    #expect(refusal?.description.hasPrefix("rank 2 has sent what cannot be") == true)
  }

  /// Whatever is cut off or changed is refused or read as something else, and never traps.
  @Test func damageIsAnError() throws {
    let bytes = RankMessage.step([.giveBack(pages: [2], slots: [7])] + tasks, plan).bytes
    for length in 0..<bytes.count {
      #expect(throws: RankError.self) { try RankMessage(Array(bytes.prefix(length))) }
    }
    #expect(throws: RankError.self) { try RankMessage(bytes + [0, 0, 0, 0]) }
    for index in stride(from: 0, to: bytes.count, by: 4) {
      for value: UInt8 in [0xff, 0x7f] {
        var damaged = bytes
        damaged.replaceSubrange(index..<index + 4, with: [value, 0xff, 0xff, value])
        _ = try? RankMessage(damaged)
      }
    }
  }
}
