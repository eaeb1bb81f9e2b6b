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

  /// A thread for each of many cores, of which this machine has few: each waits for others that do not run.
  @Test func manyThreadsShareFewCores() throws {
    let team = try ThreadTeam(count: 32)
    var values = [Int](repeating: 0, count: 1000)
    var expected = values
    for round in 1...300 {
      let items = [2, 31, 32, 33, 100, 1000][round % 6]
      unsafe values.withUnsafeMutableBufferPointer { values in
        unsafe team.forEach(items) { item, _ in unsafe values[item] += item &* round }
      }
      for item in 0..<items { expected[item] += item * round }
      // Those that went to sleep are woken, and those that are late find the next region.
      if round % 50 == 0 { usleep(2000) }
    }
    #expect(values == expected)
  }

  /// Counts of items go on when their bits are used up.
  @Test(arguments: [2, 5, 9, 32]) func countsWrap(threads: Int) throws {
    let region = ParallelRegion(workers: threads, spins: false, done: (1 << 48) - 500)
    let helpers = try (1..<threads).map { worker throws(ModelError) in
      try startThread("infer-wrap-\(worker)") { region.serve(worker: worker) }
    }
    let sum = Atomic<Int>(0)
    func run(_ items: Int, _ body: (_ item: Int, _ worker: Int) -> Void) {
      unsafe region.run(items: items, parts(of: body))
    }
    for _ in 0..<200 { run(50) { item, _ in sum.add(item, ordering: .relaxed) } }
    #expect(sum.load(ordering: .relaxed) == 200 * 1225)
    region.stop()
    for helper in helpers { pthread_join(helper, nil) }
  }

  @Test func sharesGiveEachItemOnce() {
    for (workers, items) in [(1, 0), (1, 7), (3, 2), (4, 100), (32, 33)] {
      let shares = ItemShares(workers: workers)
      for _ in 0..<2 {
        shares.deal(items)
        var places = Array(0..<workers)
        var taken: [Int] = []
        // One worker takes more than the others, and all find the end.
        while let item = shares.take(&places[0]) {
          taken.append(item)
          for worker in 1..<max(workers, 1) where item % 2 == 0 {
            if let other = shares.take(&places[worker]) { taken.append(other) }
          }
        }
        #expect(taken.sorted() == Array(0..<items))
        for worker in 0..<workers { #expect(shares.take(&places[worker]) == nil) }
      }
    }
  }

  @Test func barriersAreMeasured() throws {
    let one = try BarrierMeter(threads: 1).measure()
    #expect(one.region > 0 && one.roundTrip == nil && one.sharedAdd == nil)
    let three = try BarrierMeter(threads: 3).measure()
    #expect(three.region > 0 && three.sharedAdd ?? 0 > 0 && three.roundTrip ?? 1 > 0)
  }

  @Test func logsNoteEachItemOfOneThread() throws {
    let log = RegionLog()
    let team = try ThreadTeam(count: 1, log: log)
    for items in [3, 1] {
      unsafe team.forEach(items) { _, _ in usleep(1000) }
    }
    #expect(log.regions.map(\.items.count) == [3, 1])
    #expect(log.regions.flatMap(\.items).allSatisfy { $0 >= 1_000_000 })
    #expect(log.regions[0].gap == 0 && log.regions[1].gap >= 0)
    log.removeAll()
    #expect(log.regions.isEmpty)
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
