import InferCore

extension StopConditions {
  /// These conditions, with a length for requests that name none: `length`, or what the context has room for after
  /// `promptTokens` if that is less. A default never makes a request impossible.
  func defaultingLength(
    to length: Int?, promptTokens: Int, contextLength: Int
  ) throws(RequestError) -> StopConditions {
    guard maxTokens == nil, let length else { return self }
    return try StopConditions(
      maxTokens: max(1, minTokens, min(length, contextLength - promptTokens)), minTokens: minTokens,
      stopTokenIDs: stopTokenIDs, ignoresEndTokens: ignoresEndTokens, stopStrings: stopStrings,
      includesStopString: includesStopString)
  }
}
