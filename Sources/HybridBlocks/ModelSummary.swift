internal import InferCore

/// A summary of a loaded model, for people.
public struct ModelSummary: Sendable {
  /// `model_type` of the configuration.
  public let family: String
  /// The kind of file that the model is in: `gguf` or `safetensors`.
  public let fileFormat: String
  /// One letter a block: `M` Mamba, `D` delta rule, `L` lightning attention, `R` linear recurrent units, `X` mLSTM,
  /// `W` RWKV, `A` attention, `C` short convolution, `P` attention and Mamba in parallel, `S` Mamba behind a shared transformer, `E` a layer's own input, `F` feed-forward or
  /// experts.
  public let layout: String
  /// All weights.
  public let parameterCount: Int
  /// The number of weights that a token passes through: all but those of experts it is not sent to.
  public let activeParameterCount: Int
  /// Bytes of all weights in memory, as they are computed with.
  public let weightBytes: Int
  /// Share of each weight format, by name.
  public let formats: [FormatShare]
  /// Bytes of attention cache a token takes with 16-bit elements, in layers that look back at everything.
  public let cacheBytesPerToken: Int
  /// Bytes of attention cache that the windows of a sequence take with 16-bit elements, in layers that have any.
  public let windowBytesPerSequence: Int
  /// Bytes of recurrent state a sequence takes.
  public let stateBytesPerSequence: Int
  /// Tensors of the checkpoint that are no part of the model, sorted.
  public let unreadTensors: [String]
  /// Warnings about the files.
  public let warnings: [String]

  init(_ read: ReadModel, _ source: ModelSource, _ generation: GenerationDefaults) {
    let (model, tensors) = (read.model, read.weights.loaded)
    family = read.familyName
    fileFormat = source.architecture == nil ? "safetensors" : "gguf"
    layout = model.layout
    parameterCount = tensors.reduce(0) { $0 + $1.tensor.count }
    activeParameterCount = parameterCount - model.idleParameterCount
    weightBytes = tensors.reduce(0) { $0 + $1.memoryBytes }
    formats = FormatShare.shares(of: tensors)
    cacheBytesPerToken = model.stateLayout.bytesPerToken(.f16)
    windowBytesPerSequence = model.stateLayout.windowBytes(tokens: model.contextLength, .f16)
    stateBytesPerSequence = model.stateLayout.slotBytes
    unreadTensors = read.unreadTensors
    warnings =
      read.weights.remarks + read.unreadKeys.map { "\(read.configuration.file): \($0) is not known and has no effect" }
      + generation.warnings
  }
}

/// A weight format's share of a model.
public struct FormatShare: Sendable, Equatable {
  /// Name of the format.
  public let name: String
  /// Tensors in it.
  public var tensorCount = 0
  /// Weights in it.
  public var parameterCount = 0
  /// Bytes of these weights.
  public var byteCount = 0

  static func shares(of tensors: [LoadedTensor]) -> [FormatShare] {
    var shares: [String: FormatShare] = [:]
    for tensor in tensors {
      shares[tensor.format.name, default: FormatShare(name: tensor.format.name)].add(tensor)
    }
    return shares.values.sorted { $0.name < $1.name }
  }

  private mutating func add(_ loaded: LoadedTensor) {
    tensorCount += 1
    parameterCount += loaded.tensor.count
    byteCount += loaded.byteCount
  }
}
