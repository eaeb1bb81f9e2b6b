internal import Synchronization

/// The items of a region, which workers take one at a time: each from its own share of consecutive items, and from the
/// others' shares once its own is done.
///
/// Neighbouring items read neighbouring memory, so that a worker reads one long stream, whose next part the processor
/// has fetched already. No worker waits for another that lost its core.
@safe final class ItemShares: @unchecked Sendable {
  // Safe because ends are written only while nobody takes items, and the rest is atomic.
  private let workers: Int
  /// Of each worker the next item, and the end of its share.
  private let shares: PaddedLines<Int>
  /// 1 once somebody has found all shares taken, so that nobody else looks at each of them.
  private let isEmpty = PaddedLines<Void>(count: 1)

  init(workers: Int) {
    self.workers = workers
    shares = PaddedLines(count: workers, value: 0)
  }

  /// Shares `0 ..< items` out. No worker may be taking items.
  func deal(_ items: Int) {
    for worker in 0..<workers {
      unsafe shares[worker].pointee.word.store(items * worker / workers, ordering: .relaxed)
      unsafe shares[worker].pointee.value = items * (worker + 1) / workers
    }
    unsafe isEmpty[0].pointee.word.store(0, ordering: .relaxed)
  }

  /// Takes the next item for a worker; `nil` when all are taken. `share` is the share it took from last, at first its
  /// own.
  func take(_ share: inout Int) -> Int? {
    if let item = next(share) { return item }
    guard unsafe isEmpty[0].pointee.word.load(ordering: .relaxed) == 0 else { return nil }
    for _ in 1..<workers {
      share = share + 1 == workers ? 0 : share + 1
      if let item = next(share) { return item }
    }
    unsafe isEmpty[0].pointee.word.store(1, ordering: .relaxed)
    return nil
  }

  /// Takes an item of a share. Who finds none has only read, so that a share that is done is in everybody's cache.
  private func next(_ share: Int) -> Int? {
    let line = unsafe shares[share]
    let end = unsafe line.pointee.value
    guard unsafe line.pointee.word.load(ordering: .relaxed) < end else { return nil }
    let item = unsafe line.pointee.word.wrappingAdd(1, ordering: .relaxed).oldValue
    return item < end ? item : nil
  }
}
