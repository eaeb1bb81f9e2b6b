/// A model that turns the tokens of a step into logits.
///
/// Implementations hold weights only; whatever a sequence leaves behind lives in the step's ``StateStore``.
public protocol LanguageModel: Sendable {
  /// Number of logits of a row. Token ids are `0 ..< vocabularySize`.
  var vocabularySize: Int { get }
  /// The longest sequence, prompt and generated tokens together, that the model is made for.
  var contextLength: Int { get }
  /// The state that every sequence has.
  var stateLayout: StateLayout { get }

  /// Runs the step and writes one row of `vocabularySize` logits for each wanted row
  /// (``StepPlan/logitRowCount``), and advances the state of every run.
  func forward(_ step: borrowing Step, logits: inout MutableRows)
}
