/// A value behind a lock, with sleeping until it satisfies a condition.
///
/// Beside a `Mutex` it can wait, and the thread sanitizer understands it.
final class Monitor<Value>: @unchecked Sendable {
  // Safe because `value` is touched under the lock's lock only.
  private var value: Value
  private let lock = ConditionLock()

  init(_ value: sending Value) { self.value = value }

  /// Calls `body` with the value, alone.
  func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try lock.withLock { () throws(Failure) in try body(&value) }
  }

  /// Calls `body` with the value, alone, and then has those who wait look at it.
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
