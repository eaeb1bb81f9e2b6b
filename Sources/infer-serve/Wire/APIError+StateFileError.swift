import InferCore

extension APIError {
  /// The reason for which a session cannot be saved or restored, as the API says it: without paths.
  init(_ error: StateFileError, session name: String) {
    func session(_ status: Int, _ reason: String, _ code: String, type: String = "invalid_request_error") -> APIError {
      APIError(status: status, message: "The session '\(name)' \(reason).", type: type, code: code)
    }
    self =
      switch error {
      case .missing: session(404, "is not known", "session_not_found")
      case .damaged(_, let reason):
        session(422, "cannot be restored: its file is damaged: \(reason)", "session_damaged")
      case .foreign(_, let difference): session(409, "cannot be restored here: \(difference)", "session_mismatch")
      case .otherScope: session(409, "was saved under another cache_salt", "session_mismatch")
      case .nothingKept:
        session(409, "cannot be saved: no state of its tokens is kept any more", "session_not_kept")
      case .unwritable(let error) where error.isOutOfSpace:
        session(507, "cannot be saved: there is no space for it", "insufficient_storage", type: "server_error")
      case .unwritable(let error):
        session(500, "cannot be saved: \(error.reason)", "session_not_written", type: "server_error")
      case .unreadable(_, let reason):
        session(500, "cannot be read: \(reason)", "session_not_read", type: "server_error")
      case .outOfMemory:
        .unavailable("Running requests need the memory; try again later.", code: "out_of_memory", retryAfter: 1)
      case .unsupported(let reason):
        .invalid(nil, "Sessions are not supported: \(reason).", code: "unsupported_operation")
      case .shutdown: .unavailable("The server is shutting down.", code: "draining", retryAfter: 5)
      }
  }

  /// The server has no place for sessions.
  static let sessionsOff = APIError.invalid(
    nil, "This server keeps no sessions; start it with --session-dir to save and restore them.",
    code: "sessions_not_configured")
}
