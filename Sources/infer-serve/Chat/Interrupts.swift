import Foundation
import InferCore
import UnixSignals

/// Has ctrl-C stop what is under way instead of the program, and a signal that ends the program leave the terminal as it was.
final class Interrupts: Sendable {
  private let stop = Monitor<(@Sendable () -> Void)?>(nil)

  /// Runs `body` until its end or an interrupt, which cancels it.
  func run<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
    let task = Task { try await body() }
    stop.withLock { $0 = { task.cancel() } }
    defer { stop.withLock { $0 = nil } }
    return try await task.value
  }

  /// Heeds signals from now on.
  func watch(_ terminal: TerminalDevice) async -> Task<Void, Never> {
    let arriving = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
    return Task {
      for await signal in arriving {
        if signal == .sigint {
          stop.withLock { $0 }?()
        } else {
          terminal.set(.original)
          Foundation.signal(signal.rawValue, SIG_DFL)
          kill(getpid(), signal.rawValue)
        }
      }
    }
  }
}
