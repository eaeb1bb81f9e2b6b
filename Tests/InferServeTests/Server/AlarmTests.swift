import InferCore
import Testing

@testable import infer_serve

@Suite struct AlarmTests {
  @Test(arguments: [-100, 0, 0.02]) func itRings(seconds: Double) async {
    await confirmation { rings in
      let (changes, end) = AsyncStream<Void>.makeStream()
      let start = ContinuousClock.now
      let alarm = Alarm(at: start + .seconds(seconds)) {
        rings()
        end.finish()
      }
      for await _ in changes {}
      #expect(.now - start >= .seconds(seconds))
      alarm.cancel()
    }
  }

  /// A task that is cancelled waits no longer.
  @Test func waitingEndsAtTheMomentOrWithTheTask() async {
    let start = ContinuousClock.now
    await Alarm.wait(until: start + .milliseconds(20))
    #expect(.now - start >= .milliseconds(20))
    let task = Task { await Alarm.wait(until: start + .seconds(100_000)) }
    task.cancel()
    await task.value
    #expect(.now - start < .seconds(10_000))
  }

  /// What it would have called is let go of with it.
  @Test(arguments: [Duration.seconds(600), .seconds(Int64.max / 2)]) func nothingIsLeftOfOneThatIsCancelled(
    time: Duration
  ) async {
    final class Witness: Sendable {}
    weak var witness: Witness?
    let alarm: Alarm
    do {
      let strong = Witness()
      witness = strong
      alarm = Alarm(at: .now + time) { withExtendedLifetime(strong) {} }
    }
    #expect(witness != nil)
    alarm.cancel()
    let deadline = ContinuousClock.now + .seconds(600)
    while witness != nil, .now < deadline { try? await Task.sleep(for: .milliseconds(1)) }
    #expect(witness == nil)
  }
}
