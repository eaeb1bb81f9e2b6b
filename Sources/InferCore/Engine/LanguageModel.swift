/// A model that turns the tokens of a step into logits.
///
/// Implementations hold weights only; whatever a sequence leaves behind lives in the step's `StateStore`.
public protocol LanguageModel: Sendable {
  /// The number of logits in a row. Token ids are `0 ..< vocabularySize`.
  var vocabularySize: Int { get }
  /// The number of values of a token's hidden state; `nil` for a model that tells none.
  var hiddenWidth: Int? { get }
  /// `false` for a model whose hidden states are all that it is made for: it embeds and scores texts. Its logits are of no use
  /// and nobody is given them.
  var hasHead: Bool { get }
  /// The maximum number of tokens in a sequence, prompt and generated tokens together.
  var contextLength: Int { get }
  /// The state that every sequence has.
  var stateLayout: StateLayout { get }
  /// The fingerprint by which state that was kept on disk is known to be this model's; `nil` when the model has none, so
  /// that none of its state is kept there.
  var fingerprint: ModelFingerprint? { get }
  /// The number of bytes of the weights that lie in mapped files, whose memory the system counts as available although steps
  /// need it.
  var mappedWeightBytes: Int { get }
  /// The adapters that requests may choose; runs of a step name them by their indices.
  var adapters: [ModelAdapter] { get }

  /// Runs the step, which advances the state of every run.
  ///
  /// - Parameters:
  ///   - step: The plan, the state that it works on, and the threads and memory to compute with.
  ///   - logits: `[StepPlan.logitRowCount × vocabularySize]`, overwritten with the wanted rows, in order of runs.
  func forward(_ step: borrowing Step, logits: inout MutableRows)

  /// Runs the step, which advances the state of every run.
  ///
  /// - Parameters:
  ///   - step: The plan, the state that it works on, and the threads and memory to compute with.
  ///   - logits: `[StepPlan.logitRowCount × vocabularySize]`, overwritten with the wanted rows, in order of runs.
  ///   - hidden: `[StepPlan.hiddenRowCount × hiddenWidth]`, overwritten with the wanted hidden states after the model's last
  ///     norm, in order of runs.
  func forward(_ step: borrowing Step, logits: inout MutableRows, hidden: inout MutableRows)
}

extension LanguageModel {
  /// No fingerprint.
  public var fingerprint: ModelFingerprint? { nil }
  /// All weights in memory of their own.
  public var mappedWeightBytes: Int { 0 }
  /// No adapters.
  public var adapters: [ModelAdapter] { [] }
  /// Logits that are of use.
  public var hasHead: Bool { true }
  /// No hidden states.
  public var hiddenWidth: Int? { nil }

  /// Runs a step that wants no hidden states.
  public func forward(_ step: borrowing Step, logits: inout MutableRows, hidden: inout MutableRows) {
    precondition(hidden.count == 0, "\(hidden.count) hidden states of a model that tells none")
    forward(step, logits: &logits)
  }
}
