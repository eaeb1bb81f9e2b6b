import Hummingbird
import InferCore
import NIOCore

/// Ends an answer early when its client is gone or its time is up.
final class AnswerSupervisor: Sendable {
  /// Why an answer was ended.
  enum Cause: Sendable {
    case clientGone
    case timedOut
    /// Somebody asked for it.
    case cancelled
  }

  /// How long after its time is up a response may take to reach a client that is slow to read.
  private static let grace = Duration.seconds(5)

  private struct Timer {
    var alarm: Alarm?
    var isStopped = false
  }

  private let first = Monitor<Cause?>(nil)
  /// The time that the answer had.
  let limit: Duration
  private let cancel: @Sendable () -> Void
  private let timer = Monitor(Timer())
  private let registration = Monitor<ClientConnection.Registration?>(nil)

  /// Why the answer was ended, if it was.
  var cause: Cause? { first.withLock { $0 } }

  /// Watches over an answer that is written to `channel`, or to none, until ``stop()``.
  convenience init(_ answer: Answer, channel: (any Channel)?, until deadline: Deadline) async {
    await self.init(channel: channel, until: deadline) { answer.cancel() }
  }

  /// Watches over what `cancel` ends.
  init(channel: (any Channel)?, until deadline: Deadline, cancel: @escaping @Sendable () -> Void) async {
    self.cancel = cancel
    limit = deadline.limit
    if let channel {
      if let connection = await DisconnectHandler.connection(of: channel) {
        registration.withLock { $0 = connection.whenClosed { [weak self] in self?.end(.clientGone) } }
      } else {
        end(.clientGone)
      }
    }
    setAlarm(at: deadline.instant) { [weak self] in
      self?.end(.timedOut)
      // The client does not read: nothing else wakes a write that waits for it.
      self?.setAlarm(at: .now + Self.grace) { channel?.close(promise: nil) }
    }
  }

  private func setAlarm(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) {
    timer.withLock { if !$0.isStopped { $0.alarm = Alarm(at: instant, body) } }
  }

  /// The answer has been written.
  func stop() {
    registration.withLock { $0?.remove() }
    timer.withLock { timer in
      timer.isStopped = true
      timer.alarm?.cancel()
    }
  }

  /// Ends the answer, unless it has been ended already.
  func end(_ cause: Cause) {
    first.withLock { if $0 == nil { $0 = cause } }
    cancel()
  }
}
