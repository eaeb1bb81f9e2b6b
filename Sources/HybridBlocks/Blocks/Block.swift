public import InferCore

/// A part of a layer that changes the residual stream in place.
public protocol Block: Sendable {
  /// Computes on all rows of the step.
  ///
  /// - Parameters:
  ///   - h: `[step rows × hidden size]`.
  ///   - step: the plan, and the state, threads and memory to compute with.
  func apply(to h: inout MutableRows, _ step: borrowing Step)

  /// One letter for the layout line: `M` Mamba, `D` delta rule, `L` lightning attention, `R` linear recurrent units, `X` mLSTM,
  /// `W` RWKV, `A` attention, `C` short convolution, `P` mixers in parallel, `S` Mamba behind a shared transformer, `E` a layer's
  /// own input, `N` embeddings of several tokens, `F` feed-forward or mixture of experts.
  var letter: Character { get }

  /// The letters of all that it is made of, where that is more than one.
  var letters: String { get }

  /// The number of weights that a token does not touch, the weights of experts it is not sent to.
  var idleParameterCount: Int { get }

  /// `true` for a block that several ranks can compute together: it reads its rank's share, `WeightScope.share`, and adds up
  /// what the ranks compute.
  var isDivisible: Bool { get }

  /// `true` for a block that uses weights of other layers, which have to be where it is.
  var usesOtherLayers: Bool { get }
}

extension Block {
  /// A block that is computed whole.
  public var isDivisible: Bool { false }
  /// A block with weights of its own.
  public var usesOtherLayers: Bool { false }
}

extension Block {
  /// The one letter.
  public var letters: String { String(letter) }
}

/// The operation inside a residual block: attention, a recurrence, a convolution, a feed-forward network or experts.
public protocol Mixer: Sendable {
  /// Computes `out` from the normalised input `x`, both `[step rows × hidden size]`.
  func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step)

  /// See ``Block/letter``.
  var letter: Character { get }

  /// See ``Block/idleParameterCount``.
  var idleParameterCount: Int { get }

  /// `true` for a mixer that reads its rank's share: the sum of what all ranks compute is the mixer's output.
  var isDivisible: Bool { get }
}

extension Mixer {
  /// A mixer without experts touches all its weights.
  public var idleParameterCount: Int { 0 }
  /// A mixer that is computed whole.
  public var isDivisible: Bool { false }
}
