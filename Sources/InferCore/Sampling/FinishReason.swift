/// The reason of a generation's end. Raw values are those of the label `finished_reason` in metrics: vLLM's, and five
/// more.
public enum FinishReason: String, Sendable, CaseIterable {
  /// An end token, a stop token or a stop string came.
  case stop
  /// ``StopConditions/maxTokens`` or the end of the context was reached.
  case length
  /// The caller cancelled it or went away.
  case cancelled = "abort"
  /// The engine was shut down, or its drain took longer than it may.
  case shutdown
  /// Nobody read the tokens for longer than ``EngineConfiguration/readerPatience``.
  case unread
  /// All tokens that the model's logits allow were ruled out.
  case error
  /// The model computed NaN or infinity in place of logits or of hidden states.
  case notFinite = "not_finite"
  /// An ``AnswerConstraint`` had found as many states, or taken as much work, as it may, and could not be followed further.
  case constraintFull = "constraint_full"
  /// The answer came to a place behind which an ``AnswerConstraint`` allows neither a token nor the end.
  case deadEnd = "constraint_dead_end"
}
