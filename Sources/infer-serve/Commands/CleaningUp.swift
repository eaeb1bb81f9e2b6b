import Glibc
import InferCore
import UnixSignals

/// Runs `body`, which writes files. A signal that ends the process meanwhile ends it as ever, but takes along what is not
/// complete.
func cleaningUpAtSignals<Result>(_ body: () throws -> Result) async throws -> Result {
  let arriving = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
  let signals = Task {
    for await arrived in arriving {
      removeUnfinishedFiles()
      signal(arrived.rawValue, SIG_DFL)
      // To the process: this thread may be one that takes no signals.
      kill(getpid(), arrived.rawValue)
    }
  }
  defer { signals.cancel() }
  return try body()
}
