internal import DequeModule

/// The pace of something that was counted lately, by which waiting times are estimated.
struct RecentRate {
  private static let capacity = 32
  private var events: Deque<(count: Int, time: ContinuousClock.Instant)> = Deque(minimumCapacity: capacity)

  /// Begins anew: a time in which nobody waited says nothing of the pace.
  mutating func restart(at now: ContinuousClock.Instant) {
    events.removeAll(keepingCapacity: true)
    events.append((0, now))
  }

  /// Notes that `count` more were done.
  mutating func note(_ count: Int, at now: ContinuousClock.Instant) {
    if events.count == Self.capacity { events.removeFirst() }
    events.append((count, now))
  }

  /// The time after which `count` more are expected to be done: at the pace since the earliest event that is remembered,
  /// and so the longer the longer nothing has come; if nothing was done since, as long again. At least a second.
  func time(for count: Int, from now: ContinuousClock.Instant) -> Duration {
    let least = Duration.seconds(1)
    guard let first = events.first else { return least }
    // The first marks the start of the time in which the others were done.
    let done = events.reduce(-first.count) { $0 + $1.count }
    let seconds = (now - first.time).seconds * (done > 0 ? Double(count) / Double(done) : 1)
    return max(least, .seconds(min(seconds, 86_400)))
  }
}
