/// A model that turns the tokens of a step into logits.
///
/// Implementations hold weights only; whatever a sequence leaves behind lives in the step's ``StateStore``.
public protocol LanguageModel: Sendable {
  /// The number of logits in a row. Token ids are `0 ..< vocabularySize`.
  var vocabularySize: Int { get }
  /// The maximum number of tokens in a sequence, prompt and generated tokens together.
  var contextLength: Int { get }
  /// The state that every sequence has.
  var stateLayout: StateLayout { get }
  /// The fingerprint by which state that was kept on disk is known to be this model's; `nil` when the model has none, so
  /// that none of its state is kept there.
  var fingerprint: ModelFingerprint? { get }

  /// Runs the step, which advances the state of every run.
  ///
  /// - Parameters:
  ///   - step: The plan, the state that it works on, and the threads and memory to compute with.
  ///   - logits: `[StepPlan.logitRowCount × vocabularySize]`, overwritten with the wanted rows, in order of runs.
  func forward(_ step: borrowing Step, logits: inout MutableRows)
}

extension LanguageModel {
  /// No fingerprint.
  public var fingerprint: ModelFingerprint? { nil }
}
