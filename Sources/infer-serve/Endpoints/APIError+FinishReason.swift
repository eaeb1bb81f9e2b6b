import InferCore

extension APIError {
  /// The error for the client of a choice that ended before it was complete; `nil` for one that is complete, and for one that
  /// the client cancelled.
  ///
  /// - Parameters:
  ///   - reason: The reason of the choice's end.
  ///   - cause: The cause for which the server ended the answer, if it did.
  ///   - limit: The time that the request was allowed.
  ///   - constraintField: The field that holds the answer to a language.
  static func end(
    _ reason: FinishReason, _ cause: AnswerSupervisor.Cause?, limit: Duration, constraintField: String?
  ) -> APIError? {
    switch (reason, cause) {
    case (.stop, _), (.length, _): nil
    case (.unread, _): .notRead
    case (.error, _): .failed("The model's logits left no token to choose.")
    case (.notFinite, _): .failed("The model computed what is no number: its weights are damaged, or too large for it.")
    case (.constraintFull, _): .constraintTooLarge(constraintField)
    case (.deadEnd, _): .constraintDeadEnd(constraintField)
    case (.cancelled, .timedOut): .timedOut(after: limit)
    case (.cancelled, .clientGone): .clientGone
    case (.cancelled, .cancelled): nil
    case (.shutdown, _), (.cancelled, nil):
      .unavailable("The server is shutting down.", code: "draining", retryAfter: 5)
    }
  }
}
