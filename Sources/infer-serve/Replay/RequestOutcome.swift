/// What became of one request. Times are in seconds.
struct RequestOutcome: Sendable {
  /// When it was to be sent, and when it was, after the start of the run.
  var due = 0.0
  var start = 0.0
  /// From sending to the first piece of text, and to the last.
  var timeToFirstToken = 0.0
  var latency = 0.0
  /// From each piece of text to the next.
  var gaps: [Double] = []
  var promptTokens = 0
  var outputTokens = 0
  /// Tokens of the prompt that the server did not compute; `nil` where it does not say.
  var cachedTokens: Int?
  var text = ""
  /// Why it failed; `nil` for a request that succeeded.
  var failure: String?

  /// Seconds from token to token after the first; `nil` for an answer of one token.
  var timePerOutputToken: Double? {
    outputTokens > 1 ? (latency - timeToFirstToken) / Double(outputTokens - 1) : nil
  }

  var end: Double { start + latency }
}
