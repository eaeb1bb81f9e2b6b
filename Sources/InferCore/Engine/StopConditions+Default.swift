extension StopConditions {
  /// These conditions, with a length for requests that name none: `length`, or what the context has room for after
  /// `promptTokens` if that is less. A default never makes a request impossible.
  package func defaultingLength(
    to length: Int?, promptTokens: Int, contextLength: Int
  ) throws(RequestError) -> StopConditions {
    let room = contextLength - promptTokens
    // More `minTokens` than there is room are refused as such; a length that follows them would be blamed instead.
    return minTokens <= room ? defaulting(maxTokens: length.map { min($0, room) }) : self
  }

  /// These conditions, for `length` tokens at most.
  package func limited(to length: Int) throws(RequestError) -> StopConditions {
    try StopConditions(
      maxTokens: min(maxTokens ?? length, length), minTokens: minTokens, stopTokenIDs: stopTokenIDs,
      ignoresEndTokens: ignoresEndTokens, stopStrings: stopStrings, includesStopString: includesStopString)
  }

  /// These conditions, with more tokens that end the generation.
  package func ending(at tokens: some Sequence<Int32>) throws(RequestError) -> StopConditions {
    try StopConditions(
      maxTokens: maxTokens, minTokens: minTokens, stopTokenIDs: stopTokenIDs.union(tokens),
      ignoresEndTokens: ignoresEndTokens, stopStrings: stopStrings, includesStopString: includesStopString)
  }

  /// These conditions without stop strings, for generations whose strings are looked for elsewhere.
  package func withoutStrings() throws(RequestError) -> StopConditions {
    try StopConditions(
      maxTokens: maxTokens, minTokens: minTokens, stopTokenIDs: stopTokenIDs, ignoresEndTokens: ignoresEndTokens,
      includesStopString: includesStopString)
  }
}
