import InferCore

/// A token bucket: units that are taken come back at a rate of as many a minute as it holds.
///
/// More may be taken than is there, when it is known afterwards only; until that has come back there is nothing. The
/// capacity is told anew each time, so that it can be changed.
struct TokenBucket {
  private var taken = 0.0
  private var time: ContinuousClock.Instant?

  /// Units that are there at a moment of a capacity; negative where more were taken.
  mutating func rest(of capacity: Int, at now: ContinuousClock.Instant) -> Double {
    if let time { taken = max(0, taken - max(0, (now - time).seconds) * Double(capacity) / 60) }
    time = now
    return Double(capacity) - taken
  }

  /// Takes units.
  mutating func take(_ count: Int) { taken += Double(count) }

  /// The time after which so many units are there, as of the moment last asked of.
  func wait(for count: Double, of capacity: Int) -> Duration {
    .seconds(max(0, taken + count - Double(capacity)) * 60 / Double(capacity))
  }
}
