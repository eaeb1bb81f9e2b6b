import InferCore

extension StopConditions {
  /// These conditions, with a length for requests that name none: `length`, or what the context has room for after
  /// `promptTokens` if that is less. A default never makes a request impossible.
  func defaultingLength(
    to length: Int?, promptTokens: Int, contextLength: Int
  ) throws(RequestError) -> StopConditions {
    let room = contextLength - promptTokens
    // More `minTokens` than there is room are refused as such; a length that follows them would be blamed instead.
    return minTokens <= room ? defaulting(maxTokens: length.map { min($0, room) }) : self
  }

  /// These conditions without stop strings, for generations whose strings are looked for elsewhere.
  func withoutStrings() throws(RequestError) -> StopConditions {
    try StopConditions(
      maxTokens: maxTokens, minTokens: minTokens, stopTokenIDs: stopTokenIDs, ignoresEndTokens: ignoresEndTokens,
      includesStopString: includesStopString)
  }
}
