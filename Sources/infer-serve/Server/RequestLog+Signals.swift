import UnixSignals

extension RequestLog {
  /// Opens the file anew at every SIGHUP, until the task is cancelled.
  func followSignals() -> Task<Void, Never> {
    Task { [self] in
      for await _ in await UnixSignalsSequence(trapping: .sighup) { reopen() }
    }
  }
}
