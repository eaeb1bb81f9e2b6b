/// A wake-up call for one reader of several sources of events.
///
/// Whoever waits looks for itself what has come: rings that nobody waits for are kept as one, and one ring may be for
/// several things.
package final class Bell: Sendable {
  private enum State {
    case quiet
    case rung
    case awaited(@Sendable () -> Void)
  }

  private let state = Monitor(State.quiet)

  package init() {}

  /// Calls the one who waits, or who will.
  package func ring() {
    let waiter: (@Sendable () -> Void)? = state.withLock { state in
      guard case .awaited(let waiter) = state else {
        state = .rung
        return nil
      }
      state = .quiet
      return waiter
    }
    waiter?()
  }

  /// Calls `body` once, when the bell has been rung since the last such call, on the thread that rings, or at once on this one.
  package func whenRung(_ body: @escaping @Sendable () -> Void) {
    let hasRung = state.withLock { state in
      switch state {
      case .quiet:
        state = .awaited(body)
        return false
      case .rung:
        state = .quiet
        return true
      case .awaited: preconditionFailure("two read one generation at the same time")
      }
    }
    if hasRung { body() }
  }

  /// Returns when the bell has been rung since it was last waited for.
  package func wait(isolation actor: isolated (any Actor)? = #isolation) async {
    await withCheckedContinuation(isolation: actor) { waiter in whenRung { waiter.resume() } }
  }
}
