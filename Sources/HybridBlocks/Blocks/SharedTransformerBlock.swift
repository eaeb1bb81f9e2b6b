public import InferCore

/// A transformer that stands before several layers of Zamba with the same weights (arXiv 2405.16712, 2411.15242, §2). It reads the
/// residual stream beside the token's embedding, and does not add to the stream but to the input of the layer.
public struct SharedTransformer: Sendable {
  let attentionNorm: RMSNorm
  /// Attention, with the cache of one use, and its low-rank addition.
  public var attention: Attention
  let feedForwardNorm: RMSNorm
  /// The network, with the low-rank addition of one use.
  public var feedForward: FeedForward

  /// A transformer of its parts.
  ///
  /// - Parameters:
  ///   - attentionNorm: the norm of `[stream | embedding]`.
  ///   - attention: attention from both to the width of the stream.
  ///   - feedForwardNorm: the norm of what attention computes.
  ///   - feedForward: the network.
  public init(attentionNorm: RMSNorm, attention: Attention, feedForwardNorm: RMSNorm, feedForward: FeedForward) {
    self.attentionNorm = attentionNorm
    self.attention = attention
    self.feedForwardNorm = feedForwardNorm
    self.feedForward = feedForward
  }

  /// `true` where attention and network are divided.
  var isDivisible: Bool { attention.isDivisible && feedForward.isDivisible }

  /// Computes on all rows.
  ///
  /// - Parameters:
  ///   - x: `[step rows × 2 · width]`.
  ///   - out: `[step rows × width]`.
  ///   - step: the step.
  public func apply(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var normed = step.take(rows: x.count, columns: x.columns)
    attentionNorm.apply(x, into: &normed, step)
    var attended = step.take(rows: x.count, columns: out.columns)
    attention.mix(normed.rows, into: &attended, step)
    sumOverRanks(&attended, step)
    var input = step.take(rows: x.count, columns: out.columns)
    feedForwardNorm.apply(attended.rows, into: &input, step)
    feedForward.mix(input.rows, into: &out, step)
    sumOverRanks(&out, step)
  }
}

/// The block of a layer of Zamba and Zamba2: `h += mamba(norm(h + W · transformer([h | embedding])))`, or without the transformer
/// `h += mamba(norm(h))`. For models with an ``EmbeddingSide``.
public struct SharedTransformerBlock: Block {
  let norm: RMSNorm
  let mamba: any Mixer
  /// The transformer and `W`; `nil` for none.
  public var shared: (transformer: SharedTransformer, output: Linear)?

  /// A block of its parts.
  public init(norm: RMSNorm, mamba: any Mixer, shared: (transformer: SharedTransformer, output: Linear)? = nil) {
    self.norm = norm
    self.mamba = mamba
    self.shared = shared
  }

  /// `true` with a transformer, which stands before several layers.
  public var usesOtherLayers: Bool { shared != nil }

  /// `true` where the transformer and the mixer are divided. The map behind the transformer is whole on all ranks.
  public var isDivisible: Bool { mamba.isDivisible && shared?.transformer.isDivisible != false }

  /// `S`, or `M` without a transformer.
  public var letter: Character { shared == nil ? "M" : "S" }
  /// None.
  public var idleParameterCount: Int { 0 }

  /// Computes on all rows of the step.
  ///
  /// - Parameters:
  ///   - stream: `[step rows × 2 · hidden size]`, of which the second half is each token's embedding.
  ///   - step: the step.
  public func apply(to stream: inout MutableRows, _ step: borrowing Step) {
    let width = norm.weight.count
    precondition(stream.columns == 2 * width, "\(stream.columns) columns for a width of \(width)")
    var input = step.take(rows: stream.count, columns: width)
    if let shared {
      var transformed = step.take(rows: stream.count, columns: width)
      shared.transformer.apply(stream.rows, into: &transformed, step)
      var sum = step.take(rows: stream.count, columns: width)
      shared.output.apply(transformed.rows, into: &sum, step)
      add(stream.rows.columns(0..<width), to: &sum, step)
      norm.apply(sum.rows, into: &input, step)
    } else {
      norm.apply(stream.rows.columns(0..<width), into: &input, step)
    }
    var mixed = step.take(rows: stream.count, columns: width)
    mamba.mix(input.rows, into: &mixed, step)
    sumOverRanks(&mixed, step)
    var h = stream.columns(0..<width)
    add(mixed.rows, to: &h, step)
  }
}
