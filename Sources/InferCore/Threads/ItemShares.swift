internal import Synchronization

/// The items of a region, handed out one at a time: every worker has a share of consecutive items, and takes from the
/// others' when its own is done.
///
/// Neighbouring items read neighbouring memory, so a worker that goes through its share reads one long stream, whose
/// next part the processor has fetched already; and yet nobody waits for a worker that lost its core.
@safe final class ItemShares: @unchecked Sendable {
  // Safe because bounds are written only while nobody takes items, and the rest is atomic.
  private let workers: Int
  private let shares: UnsafeMutablePointer<Share>

  /// A cache line of its own, so that taking an item disturbs nobody.
  private struct Share: ~Copyable {
    let next = Atomic<Int>(0)
    var end = 0
    private let padding = (0, 0, 0, 0, 0, 0)
  }

  init(workers: Int) {
    self.workers = workers
    unsafe shares = UnsafeMutablePointer.allocate(capacity: workers)
    for worker in 0..<workers { unsafe (shares + worker).initialize(to: Share()) }
  }

  deinit {
    unsafe shares.deinitialize(count: workers)
    unsafe shares.deallocate()
  }

  /// Deals out `0 ..< items`. Nobody may be taking items.
  func deal(_ items: Int) {
    for worker in 0..<workers {
      unsafe shares[worker].next.store(items * worker / workers, ordering: .relaxed)
      unsafe shares[worker].end = items * (worker + 1) / workers
    }
  }

  /// The next item for a worker; `nil` when all are taken. `share` is the share it took from last: at first its own.
  func take(_ share: inout Int) -> Int? {
    for _ in 0..<workers {
      let item = unsafe shares[share].next.wrappingAdd(1, ordering: .relaxed).oldValue
      if unsafe item < shares[share].end { return item }
      share = share + 1 == workers ? 0 : share + 1
    }
    return nil
  }
}
