public import InferCore

/// The block of models whose residual stream is normalised (MiniMax-01): `h = α · norm(h) + β · mixer(norm(h))`.
public struct NormedResidualBlock: Block {
  let norm: any Norm
  let mixer: any Mixer
  /// α
  let streamScale: Float
  /// β
  let mixerScale: Float

  /// A block of its parts.
  public init(norm: any Norm, mixer: any Mixer, streamScale: Float, mixerScale: Float) {
    self.norm = norm
    self.mixer = mixer
    self.streamScale = streamScale
    self.mixerScale = mixerScale
  }

  /// The mixer's.
  public var letter: Character { mixer.letter }
  /// The mixer's.
  public var idleParameterCount: Int { mixer.idleParameterCount }
  /// The mixer's.
  public var isDivisible: Bool { mixer.isDivisible }

  /// Makes the sum of the stream and what the mixer makes of it the stream.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    var x = step.take(rows: h.count, columns: h.columns)
    norm.apply(h.rows, into: &x, step)
    var y = step.take(rows: h.count, columns: h.columns)
    mixer.mix(x.rows, into: &y, step)
    sumOverRanks(&y, step)
    assign(x.rows, scale: streamScale, to: &h, step)
    add(y.rows, scale: mixerScale, to: &h, step)
  }
}
