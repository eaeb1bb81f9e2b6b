internal import CKernels
internal import Synchronization

/// The parallel region of a team: one at a time, shared between the caller and the helpers.
///
/// A region is opened by raising `generation`. A helper joins by incrementing `inside`, takes items until there
/// are none, and leaves. The caller closes the region when all items are *done*. The region's fields are written again
/// only once no helper is inside; while one that lost its core still is, the caller works through regions alone.
@safe final class ParallelRegion: @unchecked Sendable {
  // Safe because `body`, `items` and shares are written only while `inside` is zero and `generation` is even.
  private var body = unsafe ck_closure()
  private var items = 0
  /// The number of changes: odd while a region is open. 64 bits never wrap.
  private let generation = Atomic<UInt64>(0)
  private let shares: ItemShares
  private let done = Atomic<Int>(0)
  private let inside = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)
  private let sleepers = Atomic<Int>(0)
  private let opened = ConditionLock()
  private let callerSleeps = Atomic<Bool>(false)
  private let finished = ConditionLock()

  /// The number of turns of the spin loop before a thread sleeps: those of about 50 µs, or of one.
  private let spinTurns: Int

  init(workers: Int, spins: Bool) {
    shares = ItemShares(workers: workers)
    spinTurns = spins ? 2_000 : 40
  }

  /// Opens a region, works on its items with the helpers, and closes it.
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

  /// Whether all helpers have left, or leave at once.
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

  /// Takes part in regions, as a helper, until the team ends.
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

  /// Ends the helpers.
  func stop() {
    stopping.store(true, ordering: .relaxed)
    opened.wakeAll()
  }
}
