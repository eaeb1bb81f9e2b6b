internal import CKernels
internal import Synchronization

/// The parallel region of a team: one at a time, shared between the caller and the helpers.
///
/// A region is opened by raising the number of every group's call. A helper joins by telling its group that it is inside,
/// takes items until there are none, and leaves. The caller closes the region when all items are *done*. The region's fields
/// are written again only once no helper is inside; while one that lost its core still is, the caller works through regions
/// alone.
///
/// A cache line that several threads read or write is handed from one to the next, which takes its time with each: so helpers
/// are called, and count the items that they have done, by groups, each on lines of its own, and the caller adds the groups up. With about as
/// many helpers in a group as there are groups, a region of n threads begins and ends after some √n such handovers each,
/// and not after n.
@safe final class ParallelRegion: @unchecked Sendable {
  // Safe because calls' closures and shares are written only while nobody is inside and the number of the call is even;
  // `number` and `completed` are the caller's own.
  /// The number of changes, odd while a region is open. 63 bits never wrap.
  private var number = 0
  /// Of each group the number that it was told, -1 for the end of the team, and what to do.
  private let calls: PaddedLines<ck_closure>
  private let shares: ItemShares
  /// Of each group the number of helpers that are inside, in the lowest bits, and of the items that they have done in all
  /// regions, above.
  private let groups: PaddedLines<Void>
  private let groupCount: Int
  private let groupSize: Int
  /// The number of items that helpers will have done when the region is over.
  private var completed = 0
  private let sleepers = PaddedLines<Void>(count: 1)
  private let opened = ConditionLock()
  /// The number of items done that the caller sleeps for; -1 while it does not sleep.
  private let awaited = PaddedLines<Void>(count: 1, word: -1)
  private let finished = ConditionLock()

  /// The number of turns of the spin loop before a thread sleeps: those of about 50 µs, or of one.
  private let spinTurns: Int

  /// The bits of a group's word that count helpers; a team has fewer.
  private static let insideBits = 16
  private static let insideMask = 1 << insideBits - 1
  /// Sums of items wrap as the rest of a word does.
  private static let doneMask = Int(bitPattern: UInt.max >> UInt(insideBits))

  /// - Parameters:
  ///   - workers: The number of threads, the caller included.
  ///   - spins: Whether threads wait for each other awake at first.
  ///   - done: The number of items that each group has done. Tests begin shortly before it wraps.
  init(workers: Int, spins: Bool, done: Int = 0) {
    shares = ItemShares(workers: workers)
    spinTurns = spins ? 2_000 : 40
    let helpers = max(1, workers - 1)
    groupSize = max(4, Int(Double(helpers).squareRoot().rounded(.up)))
    groupCount = (helpers + groupSize - 1) / groupSize
    groups = PaddedLines(count: groupCount, word: done << Self.insideBits)
    unsafe calls = PaddedLines(count: groupCount, value: ck_closure())
    completed = done &* groupCount & Self.doneMask
  }

  /// Opens a region, works on its items with the helpers, and closes it.
  func run(items: Int, _ body: ck_closure) {
    guard isEmpty() else {
      for item in 0..<items { unsafe ck_closure_call(body, item, 0) }
      return
    }
    for group in 0..<groupCount { unsafe calls[group].pointee.value = unsafe body }
    shares.deal(items)
    call()
    if unsafe sleepers[0].pointee.word.load(ordering: .sequentiallyConsistent) > 0 { opened.wakeAll() }
    let own = unsafe work(worker: 0, body: body)
    completed = (completed &+ items &- own) & Self.doneMask
    waitUntilDone()
    call()
  }

  /// Tells all groups the next number. A helper that is seen neither inside nor asleep afterwards reads it before it joins.
  private func call() {
    number += 1
    for group in 0..<groupCount { unsafe calls[group].pointee.word.store(number, ordering: .releasing) }
    atomicMemoryFence(ordering: .sequentiallyConsistent)
  }

  /// Whether all helpers have left, or leave at once.
  private func isEmpty() -> Bool {
    for _ in 0..<200 {
      var words = 0
      for group in 0..<groupCount {
        unsafe words |= groups[group].pointee.word.load(ordering: .sequentiallyConsistent)
      }
      if words & Self.insideMask == 0 { return true }
      spinHint()
    }
    return false
  }

  /// The number of items that helpers have done in all regions.
  private func done() -> Int {
    var sum = 0
    for group in 0..<groupCount {
      let word = unsafe groups[group].pointee.word.load(ordering: .sequentiallyConsistent)
      sum &+= Int(bitPattern: UInt(bitPattern: word) >> UInt(Self.insideBits))
    }
    return sum & Self.doneMask
  }

  /// Other threads may still be computing their last items. One that takes long was preempted: a caller that sleeps
  /// leaves it the core.
  private func waitUntilDone() {
    for _ in 0..<spinTurns {
      if done() == completed { return }
      spinHint()
    }
    unsafe awaited[0].pointee.word.store(completed, ordering: .sequentiallyConsistent)
    finished.wait { [self] in done() == completed }
    unsafe awaited[0].pointee.word.store(-1, ordering: .sequentiallyConsistent)
  }

  /// Works on items until there are none. Returns their number.
  private func work(worker: Int, body: ck_closure) -> Int {
    var finished = 0
    var share = worker
    while let item = shares.take(&share) {
      unsafe ck_closure_call(body, item, worker)
      finished += 1
    }
    return finished
  }

  /// Takes part in regions, as a helper, until the team ends.
  func serve(worker: Int) {
    let index = (worker - 1) / groupSize
    let (call, group) = unsafe (calls[index], groups[index])
    var seen = 0
    while let open = unsafe waitForRegion(call, after: seen) {
      unsafe group.pointee.word.wrappingAdd(1, ordering: .sequentiallyConsistent)
      // Joined only if the region is still the one that was seen: otherwise its fields may be changing.
      let isOpen = unsafe call.pointee.word.load(ordering: .sequentiallyConsistent) == open
      let count = isOpen ? unsafe work(worker: worker, body: call.pointee.value) : 0
      unsafe group.pointee.word.wrappingAdd(count << Self.insideBits &- 1, ordering: .sequentiallyConsistent)
      if count > 0 { wakeCaller() }
      seen = open
    }
  }

  /// Wakes the caller if it sleeps and everything is done. Of helpers that leave at the same time, one sees the whole sum.
  private func wakeCaller() {
    let wanted = unsafe awaited[0].pointee.word.load(ordering: .sequentiallyConsistent)
    if wanted >= 0, done() == wanted { finished.wakeAll() }
  }

  /// Waits for an open region other than `seen`; `nil` when the team ends.
  private func waitForRegion(_ call: UnsafeMutablePointer<PaddedLines<ck_closure>.Line>, after seen: Int) -> Int? {
    var turns = 0
    while true {
      let current = unsafe call.pointee.word.load(ordering: .sequentiallyConsistent)
      if current < 0 { return nil }
      if current & 1 == 1, current != seen { return current }
      if turns < spinTurns {
        turns += 1
        spinHint()
        continue
      }
      unsafe sleepers[0].pointee.word.wrappingAdd(1, ordering: .sequentiallyConsistent)
      opened.wait {
        // Odd where a region is open, and at the end.
        let current = unsafe call.pointee.word.load(ordering: .sequentiallyConsistent)
        return current & 1 == 1 && current != seen
      }
      unsafe sleepers[0].pointee.word.wrappingSubtract(1, ordering: .sequentiallyConsistent)
      turns = 0
    }
  }

  /// Ends the helpers.
  func stop() {
    for group in 0..<groupCount { unsafe calls[group].pointee.word.store(-1, ordering: .sequentiallyConsistent) }
    opened.wakeAll()
  }
}
