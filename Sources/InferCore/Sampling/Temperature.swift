/// Divides logits by a temperature and turns them into weights: exp((logit − maximum) / temperature).
struct Temperature: LogitsTransform {
  let temperature: Float
  /// The row's largest logit.
  let maximum: Float

  func apply(to row: inout MutableSpan<Float>, _ workspace: SamplingWorkspace) {
    RowReduction.exponentiate(&row, maximum: maximum, scale: 1 / temperature)
  }
}
