import Foundation
import InferCore
import UnixSignals

/// Has files read again when they change, which is looked at once a second, and when the process gets SIGHUP; and again after
/// a while when that fails, as where there is no descriptor left.
struct FileWatch: Sendable {
  private let files: [URL]
  private let versions: [FileVersion?]
  private let reload: @Sendable () throws(CommandFailure) -> Void
  private let tell: @Sendable (CommandFailure?) -> Void
  /// The last failure; `nil` behind a success.
  private let failure = Monitor<String?>(nil)

  private static let interval = Duration.seconds(1)
  /// Intervals from a failure to another try.
  private static let patience = 5

  /// - Parameters:
  ///   - versions: The versions of the files that have been read, taken before.
  ///   - reload: Reads them; called once for each state of them and at every signal, and again where it has failed.
  ///   - tell: Called with the outcome, unless another try has failed as the one before; `nil` for success.
  init(
    _ files: [URL], from versions: [FileVersion?], reload: @escaping @Sendable () throws(CommandFailure) -> Void,
    tell: @escaping @Sendable (CommandFailure?) -> Void
  ) {
    self.files = files
    self.versions = versions
    self.reload = reload
    self.tell = tell
  }

  /// Watches until the task is cancelled.
  func run() async {
    await withTaskGroup { group in
      group.addTask {
        for await _ in await UnixSignalsSequence(trapping: .sighup) { read() }
      }
      group.addTask { await follow() }
    }
  }

  private func follow() async {
    var (known, wait) = (versions, Self.patience)
    while (try? await Task.sleep(for: Self.interval)) != nil {
      let found = files.map { FileVersion($0) }
      if found != known {
        read()
        wait = Self.patience
      } else if failure.withLock({ $0 != nil }) {
        wait -= 1
        if wait == 0 {
          read(isAnotherTry: true)
          wait = Self.patience
        }
      }
      known = found
    }
  }

  private func read(isAnotherTry: Bool = false) {
    var outcome: CommandFailure?
    do throws(CommandFailure) { try reload() } catch { outcome = error }
    let reason = outcome.map { $0.errorDescription ?? "" }
    let isTold = failure.withLock { failure in
      defer { failure = reason }
      return isAnotherTry && failure == reason
    }
    if !isTold { tell(outcome) }
  }
}
