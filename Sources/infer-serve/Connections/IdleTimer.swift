import NIOCore

/// Has a handler look after its client whenever that has not been seen for a time.
final class IdleTimer {
  private let patience: TimeAmount
  private var lastSeen = NIODeadline.now()
  private var scheduled: Scheduled<Void>?
  private var isOver = false

  /// - Parameter patience: The time for which a client may do nothing.
  init(_ patience: Duration) { self.patience = TimeAmount(patience) }

  /// Begins, until ``cancel()``. For the event loop's thread.
  ///
  /// - Parameter look: Called when nothing was noted for the time. Returns whether the client has as much again.
  func start(on loop: any EventLoop, _ look: @escaping () -> Bool) {
    guard !isOver else { return }
    scheduled = loop.assumeIsolated().scheduleTask(deadline: lastSeen + patience) { [self] in
      if NIODeadline.now() - lastSeen >= patience {
        guard look() else { return }
        note()
      }
      start(on: loop, look)
    }
  }

  /// Notes that the client has done something.
  func note() { lastSeen = .now() }

  /// Ends; nothing is called from then on.
  func cancel() {
    isOver = true
    scheduled?.cancel()
  }
}
