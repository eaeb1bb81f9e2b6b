/// Rank 0's side of the files in which other ranks keep their parts of state: what threads that write and read files want of
/// the others, and what came of it. The engine's thread tells the others and hears of them; see ``RankLeader``.
final class RankFiles: Sendable {
  private struct Task {
    let lease: PrefixLease
    /// The number of ranks that have not told what came of it.
    var missing: Int
    var outcome = RankTask.Outcome.done
    /// Whether the others have heard that the loan was taken back.
    var isToldTakenBack = false
  }

  private struct Contents {
    var lastNumber: Int32 = 0
    /// What the others have not heard of.
    var untold: [RankTask] = []
    /// Tasks that write or read, until whoever waits for them knows their outcome.
    var tasks: [Int32: Task] = [:]
    var isStopped = false
  }

  private let otherCount: Int
  private let inbox: EngineInbox
  private let contents = Monitor(Contents())

  /// Files of the other ranks of a job of `size` ranks; the inbox's thread tells them.
  init(size: Int, inbox: EngineInbox) {
    otherCount = size - 1
    self.inbox = inbox
  }

  /// Has the others write their part of a prefix beside a file. ``outcome(of:)`` is to be asked for.
  func write(_ lease: PrefixLease, records: [Range<Int>], file: String, isRounded: Bool) -> Int32 {
    begin(.write(RankTask.LentState(lease, isRounded: isRounded), records: records, file: file), lease)
  }

  /// Has the others read their part of a prefix from a position on. ``outcome(of:)`` is to be asked for.
  func read(_ lease: PrefixLease, from first: Int, files: [String], isRounded: Bool) -> Int32 {
    begin(.read(RankTask.LentState(lease, isRounded: isRounded), from: first, files: files), lease)
  }

  /// Has the others remove their parts of files.
  func remove(_ files: [String]) {
    if !files.isEmpty { _ = begin(.remove(files), nil) }
  }

  /// Has the others remove their files of state in a folder but the parts of some.
  func keep(_ files: [String], in folder: String) { _ = begin(.keep(files, folder: folder), nil) }

  private func begin(_ action: RankTask.Action, _ lease: PrefixLease?) -> Int32 {
    let number = contents.change { contents in
      contents.lastNumber &+= 1
      contents.untold.append(RankTask(number: contents.lastNumber, action: action))
      if let lease { contents.tasks[contents.lastNumber] = Task(lease: lease, missing: otherCount) }
      return contents.lastNumber
    }
    // Wakes the engine's thread.
    inbox.perform { _ in }
    return number
  }

  /// Waits until all have told what came of a task. Not for the engine's thread.
  func outcome(of number: Int32) -> RankTask.Outcome {
    contents.wait { $0.isStopped || $0.tasks[number].map { $0.missing == 0 } ?? true }
    return contents.withLock { contents in
      guard let task = contents.tasks.removeValue(forKey: number), task.missing == 0 else { return .takenBack }
      return task.outcome
    }
  }

  // MARK: The engine's thread

  /// `true` while the others have something to tell or to hear.
  var isBusy: Bool { contents.withLock { !$0.untold.isEmpty || $0.tasks.contains { $0.value.missing > 0 } } }

  /// The ends of loans that the others have not heard of, which have to come before all else that happens to state.
  func takeEndsOfLoans() -> [StateChange] {
    contents.change { contents in
      var ended: [Int32] = []
      for (number, task) in contents.tasks where !task.isToldTakenBack && task.lease.isTakenBack {
        contents.tasks[number]?.isToldTakenBack = true
        ended.append(number)
      }
      // Nobody begins what is over.
      for number in ended {
        guard let index = contents.untold.firstIndex(where: { $0.number == number }) else { continue }
        contents.untold.remove(at: index)
        contents.tasks[number]?.missing = 0
        contents.tasks[number]?.outcome = .takenBack
      }
      return ended.sorted().filter { contents.tasks[$0]?.missing ?? 0 > 0 }.map { .takeBack(task: $0) }
    }
  }

  /// The tasks that the others have not heard of.
  func takeTasks() -> [StateChange] {
    contents.withLock { contents in
      defer { contents.untold = [] }
      return contents.untold.map { .task($0) }
    }
  }

  /// Notes what a rank tells.
  func note(_ report: RankReport, of rank: Int) {
    guard !report.outcomes.isEmpty else { return }
    contents.change { contents in
      for (number, outcome) in report.outcomes {
        contents.tasks[number]?.missing -= 1
        switch (contents.tasks[number]?.outcome, outcome) {
        case (.done, .failed(let reason)): contents.tasks[number]?.outcome = .failed("rank \(rank): \(reason)")
        case (.done, .takenBack): contents.tasks[number]?.outcome = .takenBack
        default: break
        }
      }
    }
  }

  /// Nobody will tell anything more.
  func stop() { contents.change { $0.isStopped = true } }
}
