internal import Synchronization

/// The items of a region, which workers take one at a time: each from its own share of consecutive items, and from the
/// others' shares once its own is done.
///
/// Neighbouring items read neighbouring memory, so that a worker reads one long stream, whose next part the processor
/// has fetched already. No worker waits for another that lost its core.
@safe final class ItemShares: @unchecked Sendable {
  // Safe because bounds are written only while nobody takes items, and the rest is atomic.
  private let workers: Int
  private let shares: UnsafeMutablePointer<Share>

  /// The rest of a worker's share, on a cache line of its own.
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

  /// Shares `0 ..< items` out. No worker may be taking items.
  func deal(_ items: Int) {
    for worker in 0..<workers {
      unsafe shares[worker].next.store(items * worker / workers, ordering: .relaxed)
      unsafe shares[worker].end = items * (worker + 1) / workers
    }
  }

  /// Takes the next item for a worker; `nil` when all are taken. `share` is the share it took from last, at first its
  /// own.
  func take(_ share: inout Int) -> Int? {
    for _ in 0..<workers {
      let item = unsafe shares[share].next.wrappingAdd(1, ordering: .relaxed).oldValue
      if unsafe item < shares[share].end { return item }
      share = share + 1 == workers ? 0 : share + 1
    }
    return nil
  }
}
