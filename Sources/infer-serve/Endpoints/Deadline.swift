/// The moment by which a response has to be complete.
struct Deadline {
  let instant: ContinuousClock.Instant
  /// The time that there was from the request's head on.
  let limit: Duration
  private let start: ContinuousClock.Instant

  /// A deadline that is so long after `start`.
  init(from start: ContinuousClock.Instant, limit: Duration) {
    self.start = start
    self.limit = limit
    instant = start + limit
  }

  /// The deadline for a request that is content with less time; with more it is this one.
  func tightened(to limit: Duration?) -> Deadline {
    guard let limit, limit < self.limit else { return self }
    return Deadline(from: start, limit: limit)
  }
}
