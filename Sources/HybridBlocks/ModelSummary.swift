internal import InferCore

/// What a loaded model is made of, for people.
public struct ModelSummary: Sendable {
  /// `model_type` of the configuration.
  public let family: String
  /// One letter a block: `M` Mamba, `A` attention, `F` feed-forward or experts.
  public let layout: String
  /// All weights.
  public let parameterCount: Int
  /// Weights that a token passes through: all but those of experts it is not sent to.
  public let activeParameterCount: Int
  /// Bytes of all weights as stored.
  public let weightBytes: Int
  /// Weights by element format.
  public let parametersByFormat: [String: Int]
  /// Bytes of attention cache a token takes with 16-bit elements.
  public let cacheBytesPerToken: Int
  /// Bytes of recurrent state a sequence takes.
  public let stateBytesPerSequence: Int
  /// Tensors of the checkpoint that are no part of the model, sorted.
  public let unreadTensors: [String]
  /// What else seemed odd.
  public let warnings: [String]

  init(family: String, model: HybridModel, weights: WeightScope, unreadTensors: [String], warnings: [String]) {
    let tensors = weights.readTensors
    self.family = family
    layout = model.layout
    parameterCount = tensors.reduce(0) { $0 + $1.count }
    activeParameterCount = parameterCount - model.idleParameterCount
    weightBytes = tensors.reduce(0) { $0 + $1.byteCount }
    parametersByFormat = tensors.reduce(into: [:]) { $0[$1.type, default: 0] += $1.count }
    cacheBytesPerToken = model.stateLayout.pageBytes(tokens: 1, type: .f16)
    stateBytesPerSequence = model.stateLayout.slotBytes
    self.unreadTensors = unreadTensors
    self.warnings = warnings
  }
}
