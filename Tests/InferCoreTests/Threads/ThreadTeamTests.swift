import Glibc
import InferMetrics
import Synchronization
import Testing

@testable import InferCore

@Suite(.timeLimit(.minutes(10))) struct ThreadTeamTests {
  /// Each item once, by a worker that nobody else is at that moment.
  @Test(arguments: 1...8) func everyItemIsDoneOnce(threads: Int) throws {
    let team = try ThreadTeam(count: threads)
    for items in [0, 1, 2, 3, 7, 64, 1000] {
      for _ in 0..<40 {
        let done = (0..<items).map { _ in Counter() }
        let busy = (0..<threads).map { _ in Counter() }
        let overlaps = Atomic<Int>(0)
        unsafe team.forEach(items) { item, worker in
          done[item].increment()
          busy[worker].increment()
          let before = busy[worker].value
          for _ in 0..<20 { _ = done[item].value }
          if busy[worker].value != before { overlaps.add(1, ordering: .relaxed) }
        }
        #expect(done.allSatisfy { $0.value == 1 } && overlaps.load(ordering: .relaxed) == 0)
      }
    }
  }

  /// What helpers wrote is seen by the caller, region after region.
  @Test func resultsAreVisibleAfterwards() throws {
    let team = try ThreadTeam(count: 3)
    var values = [Int](repeating: 0, count: 501)
    for round in 1...500 {
      unsafe values.withUnsafeMutableBufferPointer { values in
        unsafe team.forEach(values.count) { item, _ in unsafe values[item] += item * round }
      }
    }
    #expect(values.indices.allSatisfy { values[$0] == $0 * 500 * 501 / 2 })
  }

  @Test func teamsWorkBesideEachOther() async throws {
    try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask {
          let team = try ThreadTeam(count: 3)
          let sum = Atomic<Int>(0)
          for _ in 0..<200 { unsafe team.forEach(50) { item, _ in sum.add(item, ordering: .relaxed) } }
          return sum.load(ordering: .relaxed)
        }
      }
      for try await sum in group { #expect(sum == 200 * 1225) }
    }
  }

  /// More threads than the machine gives at a time: they sleep early, and the work is the same.
  @Test func aTeamThatIsTooLargeWorks() throws {
    let team = try ThreadTeam(count: availableProcessorCount() + 5)
    let sum = Atomic<Int>(0)
    for _ in 0..<200 { unsafe team.forEach(50) { item, _ in sum.add(item, ordering: .relaxed) } }
    #expect(sum.load(ordering: .relaxed) == 200 * 1225)
  }

  /// A team is whole or not there at all: threads that did start have ended when the error is thrown.
  @Test func aThreadThatIsRefusedIsAnError() throws {
    let started = Atomic<Int>(0)
    let ended = Atomic<Int>(0)
    let error = #expect(throws: ModelError.self) {
      try ThreadTeam(count: 8) { name, body throws(ModelError) in
        if name == "infer-worker-4" { throw .outOfThreads("no thread for \(name)") }
        let thread = try startThread(name) {
          body()
          ended.add(1, ordering: .sequentiallyConsistent)
        }
        started.add(1, ordering: .sequentiallyConsistent)
        return thread
      }
    }
    #expect(error == .outOfThreads("no thread for infer-worker-4, after 4 of 8"))
    #expect(started.load(ordering: .sequentiallyConsistent) == 3)
    #expect(ended.load(ordering: .sequentiallyConsistent) == 3)
  }

  /// A team and an engine with nothing to do let the processor sleep.
  @Test func idlenessCostsNothing() async throws {
    await #expect(processExitsWith: .success) {
      let engine = try Engine(model: IdleModel())
      let team = try ThreadTeam(count: 8)
      unsafe team.forEach(100) { _, _ in }
      _ = try engine.submit(GenerationRequest(prompt: [0], stop: StopConditions(maxTokens: 1)))
      try await Task.sleep(for: .milliseconds(100))
      let before = clock()
      try await Task.sleep(for: .milliseconds(500))
      let seconds = Double(clock() - before) / Double(CLOCKS_PER_SEC)
      precondition(seconds < 0.05, "\(seconds) seconds of processor time in half a second of idleness")
      unsafe team.forEach(1) { _, _ in }
      await engine.shutdown()
    }
  }
}

/// A model of one token.
private struct IdleModel: LanguageModel {
  let vocabularySize = 1
  let contextLength = 16
  let stateLayout = StateLayout()

  func forward(_ step: borrowing Step, logits: inout MutableRows) {
    for row in 0..<logits.count {
      var values = logits.row(row)
      values[0] = 0
    }
  }
}
