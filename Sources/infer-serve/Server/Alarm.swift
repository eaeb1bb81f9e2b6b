import NIOCore
import NIOPosix

/// A call at a moment to come, of which nothing is left once it is cancelled.
///
/// A task that sleeps and is cancelled leaves its timer with Dispatch until the moment has come: minutes of them add up, where
/// every request has one.
struct Alarm: Sendable {
  private let scheduled: Scheduled<Void>

  /// Has `body` called at a moment, on the event loop, which it must not hold up.
  init(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) {
    let (seconds, attoseconds) = max(.zero, min(instant - .now, Self.longest)).components
    scheduled = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(
      in: .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000), body)
  }

  /// A century, whose nanoseconds can be counted.
  private static let longest = Duration.seconds(100 * 365 * 86_400)

  /// Returns at a moment, or as soon as the task is cancelled.
  static func wait(until instant: ContinuousClock.Instant) async {
    let (rings, end) = AsyncStream<Void>.makeStream()
    let alarm = Alarm(at: instant) { end.finish() }
    defer { alarm.cancel() }
    for await _ in rings {}
  }

  /// Has nothing called that has not been.
  func cancel() { scheduled.cancel() }
}
