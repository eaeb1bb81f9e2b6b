import Testing

@testable import InferCore

@Suite struct RecentRateTests {
  private let start = ContinuousClock.now

  private func after(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }

  @Test func theTimeFollowsThePace() {
    var rate = RecentRate()
    #expect(rate.time(for: 5, from: start) == .seconds(1), "nothing is known")
    rate.restart(at: start)
    for second in 1...10 { rate.note(2, at: after(second * 3)) }
    #expect(rate.time(for: 4, from: after(30)).seconds == 6)
    #expect(rate.time(for: 4, from: after(60)).seconds == 12, "the longer the longer nothing comes")
  }

  @Test func nothingDoneSoFarTakesAsLongAgain() {
    var rate = RecentRate()
    rate.restart(at: start)
    #expect(rate.time(for: 1000, from: after(20)).seconds == 20)
  }

  /// A weekend in which nobody came is not the pace of a Monday.
  @Test func idlenessIsNoPace() {
    var rate = RecentRate()
    rate.restart(at: start)
    rate.note(1, at: after(2))
    rate.restart(at: after(200_000))
    rate.note(1, at: after(200_004))
    #expect(rate.time(for: 2, from: after(200_004)).seconds == 8)
  }

  @Test func oldEventsAreForgotten() {
    var rate = RecentRate()
    rate.restart(at: start)
    for second in 1...100 { rate.note(1, at: after(second * 10)) }
    for second in 1...100 { rate.note(1, at: after(1000 + second)) }
    #expect(abs(rate.time(for: 10, from: after(1100)).seconds - 10) < 1)
  }
}
