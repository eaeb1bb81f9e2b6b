/// A value behind a lock on which threads can sleep until the value satisfies a condition, unlike on a `Mutex`.
final class Monitor<Value>: @unchecked Sendable {
  // Safe because `value` is read and written with the lock held only.
  private var value: Value
  private let lock = ConditionLock()

  init(_ value: sending Value) { self.value = value }

  /// Calls `body` with the value and the lock held.
  func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try lock.withLock { () throws(Failure) in try body(&value) }
  }

  /// Calls `body` with the value and the lock held, and then wakes all sleepers.
  func change<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> Result) throws(Failure) -> Result {
    defer { lock.wakeAll() }
    return try withLock(body)
  }

  /// Sleeps until `condition` holds.
  func wait(until condition: (Value) -> Bool) { lock.wait { condition(value) } }

  /// Sleeps until `condition` holds, or until the deadline.
  func wait(until deadline: ContinuousClock.Instant?, for condition: (Value) -> Bool) {
    lock.wait(until: deadline) { condition(value) }
  }
}
