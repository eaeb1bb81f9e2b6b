/// A value behind a lock, on which threads can also sleep until the value satisfies a condition.
///
/// The lock is POSIX's rather than the standard library's `Mutex`: the thread sanitizer does not see that one when a
/// thread has to sleep for it (Swift 6.3), and takes what it guards for a race.
package final class Monitor<Value>: @unchecked Sendable {
  // Safe because `value` is read and written with the lock held only.
  private var value: Value
  private let lock = ConditionLock()

  package init(_ value: sending Value) { self.value = value }

  /// Calls `body` with the value and the lock held.
  package func withLock<Result, Failure: Error>(
    _ body: (inout Value) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try lock.withLock { () throws(Failure) in try body(&value) }
  }

  /// Calls `body` with the value and the lock held, and then wakes all sleepers.
  package func change<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> Result) throws(Failure) -> Result
  {
    defer { lock.wakeAll() }
    return try withLock(body)
  }

  /// Sleeps until `condition` holds.
  package func wait(until condition: (Value) -> Bool) { lock.wait { condition(value) } }

  /// Sleeps until `condition` holds, or until the deadline.
  package func wait(until deadline: ContinuousClock.Instant?, for condition: (Value) -> Bool) {
    lock.wait(until: deadline) { condition(value) }
  }
}
