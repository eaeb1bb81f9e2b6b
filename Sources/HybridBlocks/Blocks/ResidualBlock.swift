public import InferCore

/// The pre-norm residual block of nearly all layers: `h += scale · mixer(norm(h))`.
public struct ResidualBlock: Block {
  let norm: RMSNorm
  let mixer: any Mixer
  /// The factor on the mixer's output (Granite).
  var scale: Float = 1

  /// A block of a norm, a mixer, and the factor on its output.
  public init(norm: RMSNorm, mixer: any Mixer, scale: Float = 1) {
    self.norm = norm
    self.mixer = mixer
    self.scale = scale
  }

  /// The mixer's.
  public var letter: Character { mixer.letter }
  /// The mixer's.
  public var idleParameterCount: Int { mixer.idleParameterCount }

  /// `h += scale · mixer(norm(h))`
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    var x = step.take(rows: h.count, columns: h.columns)
    norm.apply(h.rows, into: &x, step)
    var y = step.take(rows: h.count, columns: h.columns)
    mixer.mix(x.rows, into: &y, step)
    add(y.rows, scale: scale, to: &h, step)
  }
}
