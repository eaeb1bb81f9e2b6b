public import InferCore

/// A loaded model computes what its weights do. An engine that is started for it knows its texts, too.
extension LoadedModel: LanguageModel {
  /// The number of logits in a row.
  public var vocabularySize: Int { model.vocabularySize }
  /// The number of values of a token's hidden state.
  public var hiddenWidth: Int? { model.hiddenWidth }
  /// `false` for a model that only embeds and scores texts.
  public var hasHead: Bool { model.hasHead }
  /// The maximum number of tokens in a sequence.
  public var contextLength: Int { model.contextLength }
  /// The state that every sequence has.
  public var stateLayout: StateLayout { model.stateLayout }
  /// A hash of the configuration and the weights.
  public var fingerprint: ModelFingerprint? { model.fingerprint }
  /// The number of bytes of the weights that lie in mapped files.
  public var mappedWeightBytes: Int { model.mappedWeightBytes }

  /// The adapters that requests may choose.
  public var adapters: [ModelAdapter] { model.adapters }

  /// Runs the step with the model's weights.
  public func forward(_ step: borrowing Step, logits: inout MutableRows) { model.forward(step, logits: &logits) }

  /// Runs the step with the model's weights.
  public func forward(_ step: borrowing Step, logits: inout MutableRows, hidden: inout MutableRows) {
    model.forward(step, logits: &logits, hidden: &hidden)
  }
}
