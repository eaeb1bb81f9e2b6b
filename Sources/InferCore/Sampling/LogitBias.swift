/// Adds constants to the logits of some tokens.
struct LogitBias: LogitsTransform {
  let biases: [(token: Int32, bias: Float)]

  func apply(to row: inout MutableSpan<Float>, _ workspace: SamplingWorkspace) {
    for (token, bias) in biases { row[Int(token)] += bias }
  }
}
