internal import CKernels
internal import Glibc

/// A lock with a condition variable: threads sleep on it until a condition holds (POSIX).
@safe final class ConditionLock: @unchecked Sendable {
  // Safe because POSIX synchronisation objects may be used from all threads, and these have stable addresses.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init() {
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe condition.initialize(to: pthread_cond_t())
    unsafe pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    // Nobody sets this clock: by the wall's, a thread would sleep for as long as that is put back.
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(condition, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  /// Sleeps until `isSatisfied` returns true. It is called at first and after every ``wakeAll()``, with the lock held.
  func wait(until isSatisfied: () -> Bool) {
    unsafe pthread_mutex_lock(mutex)
    while !isSatisfied() { unsafe pthread_cond_wait(condition, mutex) }
    unsafe pthread_mutex_unlock(mutex)
  }

  /// Sleeps until `isSatisfied` returns true, or until the deadline.
  func wait(until deadline: ContinuousClock.Instant?, _ isSatisfied: () -> Bool) {
    guard let deadline else { return wait(until: isSatisfied) }
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while !isSatisfied() {
      let (seconds, attoseconds) = (deadline - .now).components
      guard seconds > 0 || attoseconds > 0 else { return }
      // The condition's clock stands still while the machine sleeps: the caller looks a minute too late at most.
      var time = timespec()
      unsafe clock_gettime(CLOCK_MONOTONIC, &time)
      let nanoseconds = time.tv_nsec + Int(attoseconds / 1_000_000_000)
      time.tv_sec += Int(min(seconds, 60)) + nanoseconds / 1_000_000_000
      time.tv_nsec = nanoseconds % 1_000_000_000
      unsafe pthread_cond_timedwait(condition, mutex, &time)
    }
  }

  /// Calls `body` with the lock held.
  func withLock<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Wakes all sleepers, so that they evaluate their conditions. A condition that became true before is not missed.
  func wakeAll() {
    unsafe pthread_mutex_lock(mutex)
    unsafe pthread_cond_broadcast(condition)
    unsafe pthread_mutex_unlock(mutex)
  }
}

/// Tells the processor that the thread is in a spin loop.
@inline(__always) func spinHint() { ck_spin_hint() }
