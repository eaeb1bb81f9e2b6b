/// Rules out the tokens that would end a generation which is too short to end.
struct MinimumTokens: LogitsTransform {
  let stopTokens: [Int32]

  func apply(to row: inout MutableSpan<Float>, _ workspace: SamplingWorkspace) {
    for token in stopTokens where row.indices.contains(Int(token)) { row[Int(token)] = -.infinity }
  }
}
