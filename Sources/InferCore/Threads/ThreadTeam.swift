internal import CBLAS
internal import CKernels
internal import Glibc
internal import Synchronization

/// A fixed team of threads that work through numbered items together.
///
/// The caller is a member. Every member has a share of consecutive items, and takes from the others' when its own is
/// done, one at a time, so a thread that loses its core to another process costs its item and no more. Between regions
/// the others spin for some tens of microseconds — regions of a step follow each other closely — and then sleep. A team of
/// more threads than ``MachineLimits/threads`` hardly spins: where time is rationed, that would be time taken from the work.
public final class ThreadTeam: Sendable {
  /// Number of threads, the caller included.
  public let count: Int
  private let shared: SharedWork
  private let threads: [pthread_t]

  /// Starts `count - 1` threads, named `infer-worker-1` and so on.
  ///
  /// - Throws: ``ModelError/outOfThreads(_:)`` when the system refuses one; those that did start have ended then.
  public convenience init(count: Int) throws(ModelError) { try self.init(count: count, start: startThread) }

  init(count: Int, start: ThreadStarter) throws(ModelError) {
    precondition(count >= 1 && count <= 1024, "a team of \(count) threads")
    // BLAS computes on the thread that calls it: the team splits the work.
    openblas_set_num_threads(1)
    self.count = count
    let shared = SharedWork(workers: count, spins: count <= availableProcessorCount())
    self.shared = shared
    var threads: [pthread_t] = []
    do throws(ModelError) {
      for worker in 1..<count {
        threads.append(try start(Self.name(of: worker)) { shared.serve(worker: worker) })
      }
    } catch {
      Self.end(threads, shared)
      throw .outOfThreads("\(error), after \(threads.count + 1) of \(count)")
    }
    self.threads = threads
  }

  deinit { Self.end(threads, shared) }

  private static func end(_ threads: [pthread_t], _ shared: SharedWork) {
    shared.stop()
    for thread in threads { pthread_join(thread, nil) }
  }

  /// Names have at most 15 bytes.
  private static func name(of worker: Int) -> String { "infer-work\(worker < 100 ? "er" : "")-\(worker)" }

  /// Calls `body` once for every item in `0 ..< items`, from all threads of the team, and returns when all calls have
  /// returned.
  ///
  /// Unsafe, because the compiler does not check what the calls share: `body` is not `@Sendable`, so that it can capture
  /// borrowed steps and views of rows, and runs on several threads at once with whatever it captures. The caller ensures
  /// that
  ///
  /// - memory that a call writes is read and written by no other call of the region, but through atomics and locks;
  /// - captured variables, and objects that are not `Sendable`, are only read;
  /// - `body` starts no other region, and no other thread starts one: a team belongs to one caller at a time.
  ///
  /// What the caller wrote before is visible to all calls, and what they write is visible to the caller afterwards.
  ///
  /// - Parameters:
  ///   - items: the number of items.
  ///   - body: the work on one item. `worker` is in `0 ..< count`; no two calls with the same `worker` overlap, so that
  ///     it can name private memory.
  @unsafe public func forEach(_ items: Int, _ body: (_ item: Int, _ worker: Int) -> Void) {
    guard items > 1, count > 1 else {
      for item in 0..<items { body(item, 0) }
      return
    }
    unsafe shared.run(items: items, parts(of: body))
  }
}

/// Takes a closure apart, so that other threads can call it while it lives. `withoutActuallyEscaping` would allocate.
@_silgen_name("ck_closure_parts")
private func parts(of body: (_ item: Int, _ worker: Int) -> Void) -> ck_closure

/// One region at a time, shared between the caller and the helpers.
///
/// A region is opened by raising `generation`. A helper joins by incrementing `inside`, takes items until there
/// are none, and leaves. The caller closes the region when all items are *done*. The region's fields are written again
/// only once nobody is inside; while a helper that lost its core still is, the caller works through regions alone.
@safe private final class SharedWork: @unchecked Sendable {
  // Safe because `body`, `items` and shares are written only while `inside` is zero and `generation` is even.
  private var body = unsafe ck_closure()
  private var items = 0
  /// Odd while a region is open. 64 bits never wrap.
  private let generation = Atomic<UInt64>(0)
  private let shares: ItemShares
  private let done = Atomic<Int>(0)
  private let inside = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)
  private let sleepers = Atomic<Int>(0)
  private let opened = ConditionLock()
  private let callerSleeps = Atomic<Bool>(false)
  private let finished = ConditionLock()

  /// Turns of the spin loop before a thread sleeps: about 50 µs, or one.
  private let spinTurns: Int

  init(workers: Int, spins: Bool) {
    shares = ItemShares(workers: workers)
    spinTurns = spins ? 2_000 : 40
  }

  func run(items: Int, _ body: ck_closure) {
    guard isEmpty() else {
      for item in 0..<items { unsafe ck_closure_call(body, item, 0) }
      return
    }
    unsafe self.body = unsafe body
    self.items = items
    shares.deal(items)
    done.store(0, ordering: .relaxed)
    generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 { opened.wakeAll() }
    unsafe work(worker: 0, body: body, items: items)
    waitUntilDone(items)
    generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
  }

  /// Whether all helpers have left, or do so at once.
  private func isEmpty() -> Bool {
    for _ in 0..<200 {
      if inside.load(ordering: .sequentiallyConsistent) == 0 { return true }
      spinHint()
    }
    return false
  }

  /// Other threads may still be computing their last items. One that takes long was preempted: a caller that sleeps
  /// leaves it the core.
  private func waitUntilDone(_ items: Int) {
    for _ in 0..<spinTurns {
      if done.load(ordering: .acquiring) == items { return }
      spinHint()
    }
    callerSleeps.store(true, ordering: .sequentiallyConsistent)
    finished.wait { [self] in done.load(ordering: .sequentiallyConsistent) == items }
    callerSleeps.store(false, ordering: .sequentiallyConsistent)
  }

  private func work(worker: Int, body: ck_closure, items: Int) {
    var finished = 0
    var share = worker
    while let item = shares.take(&share) {
      unsafe ck_closure_call(body, item, worker)
      finished += 1
    }
    guard finished > 0 else { return }
    let done = done.wrappingAdd(finished, ordering: .sequentiallyConsistent).newValue
    if done == items, callerSleeps.load(ordering: .sequentiallyConsistent) { self.finished.wakeAll() }
  }

  func serve(worker: Int) {
    var seen: UInt64 = 0
    while let open = waitForRegion(after: seen) {
      inside.wrappingAdd(1, ordering: .sequentiallyConsistent)
      // Joined only if the region is still the one that was seen: otherwise its fields may be changing.
      if generation.load(ordering: .sequentiallyConsistent) == open {
        unsafe work(worker: worker, body: body, items: items)
      }
      inside.wrappingSubtract(1, ordering: .sequentiallyConsistent)
      seen = open
    }
  }

  /// Waits for an open region other than `seen`; `nil` when the team ends.
  private func waitForRegion(after seen: UInt64) -> UInt64? {
    var turns = 0
    while true {
      let current = generation.load(ordering: .sequentiallyConsistent)
      if stopping.load(ordering: .relaxed) { return nil }
      if current & 1 == 1, current != seen { return current }
      if turns < spinTurns {
        turns += 1
        spinHint()
        continue
      }
      sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
      opened.wait { [self] in
        let current = generation.load(ordering: .sequentiallyConsistent)
        return (current & 1 == 1 && current != seen) || stopping.load(ordering: .relaxed)
      }
      sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
      turns = 0
    }
  }

  func stop() {
    stopping.store(true, ordering: .relaxed)
    opened.wakeAll()
  }
}
