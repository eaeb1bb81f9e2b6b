internal import Synchronization

extension ThreadTeam {
  /// Calls `body` for every item, as ``forEach(_:_:)`` does and as unsafe, unless `isCancelled` says before an item that no
  /// more are to be begun.
  ///
  /// - Throws: ``ModelError/cancelled`` when items are left.
  @unsafe func forEach(
    _ items: Int, unless isCancelled: (@Sendable () -> Bool)?, _ body: (_ item: Int, _ worker: Int) -> Void
  ) throws(ModelError) {
    guard let isCancelled else { return unsafe forEach(items, body) }
    let isLeft = Atomic(false)
    unsafe forEach(items) { item, worker in
      guard !isLeft.load(ordering: .relaxed) else { return }
      if isCancelled() { isLeft.store(true, ordering: .relaxed) } else { body(item, worker) }
    }
    if isLeft.load(ordering: .relaxed) { throw .cancelled }
  }
}
