/// One step of turning a model's logits into the distribution to draw from.
///
/// Up to ``Temperature`` a row holds logits, and −∞ rules a token out. ``Temperature`` leaves weights —
/// probabilities times a constant such that the largest is 1 — and after it 0 rules a token out.
protocol LogitsTransform {
  /// Changes the row of the token to come in place.
  func apply(to row: inout MutableSpan<Float>, _ workspace: SamplingWorkspace)
}

/// Memory that one thread's sampling reuses from token to token.
final class SamplingWorkspace {
  /// Candidates of the selection under way.
  var selection = Selection()
  /// A copy of the model's own logits, when log-probabilities are wanted.
  var logits: [Float] = []
}
