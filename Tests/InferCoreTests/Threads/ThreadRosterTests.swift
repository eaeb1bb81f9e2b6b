import Foundation
import Synchronization
import Testing

@testable import InferCore

@Suite struct ThreadRosterTests {
  @Test func threadsThatWorkOrHaveFinishedAreNotLost() async throws {
    let team = try ThreadTeam(count: 3)
    unsafe team.forEach(64) { _, _ in }
    for _ in 0..<200 { try startDetachedThread("infer-brief") {} }
    // Some of those are between their end and the system's knowing of it.
    for _ in 0..<50 { #expect(ThreadRoster.shared.lost == []) }
    withExtendedLifetime(team) {}
  }

  @Test func aThreadThatEndsInItsWorkIsLost() async throws {
    let roster = ThreadRoster()
    let (kept, gone) = (roster.add("infer-kept"), roster.add("infer-gone"))
    let hasEntered = Atomic<Bool>(false)
    let isOver = Monitor(false)
    try startDetachedThread("infer-test") {
      kept.enter()
      isOver.wait { $0 }
    }
    // Threads that are not of the roster's own list are what it is about: these leave without a word.
    let thread = Thread {
      gone.enter()
      hasEntered.store(true, ordering: .sequentiallyConsistent)
    }
    thread.start()
    while !hasEntered.load(ordering: .sequentiallyConsistent) || !thread.isFinished {
      try await Task.sleep(for: .milliseconds(1))
    }
    let deadline = ContinuousClock.now + .seconds(600)
    while roster.lost.isEmpty, .now < deadline { try await Task.sleep(for: .milliseconds(1)) }
    #expect(roster.lost == ["infer-gone"])
    isOver.change { $0 = true }
    roster.remove(gone)
    roster.remove(kept)
    #expect(roster.lost == [])
  }
}
