public import InferCore

/// The residual block of nearly all layers: `h += scale · mixer(norm(h))`, or with a norm behind the mixer, beside that
/// before it or in its place, `h += scale · norm₂(mixer(norm(h)))`.
public struct ResidualBlock: Block {
  let norm: (any Norm)?
  let mixer: any Mixer
  let outputNorm: (any Norm)?
  /// The factor on what is added (Granite).
  var scale: Float = 1

  /// A block of a norm, a mixer, a norm behind it, and the factor on what is added; `nil` for no norm there.
  public init(norm: (any Norm)?, mixer: any Mixer, outputNorm: (any Norm)? = nil, scale: Float = 1) {
    self.norm = norm
    self.mixer = mixer
    self.outputNorm = outputNorm
    self.scale = scale
  }

  /// The mixer's.
  public var letter: Character { mixer.letter }
  /// The mixer's.
  public var idleParameterCount: Int { mixer.idleParameterCount }
  /// The mixer's.
  public var isDivisible: Bool { mixer.isDivisible }

  /// Adds what the mixer makes of `h`.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    var y = step.take(rows: h.count, columns: h.columns)
    if let norm {
      var x = step.take(rows: h.count, columns: h.columns)
      norm.apply(h.rows, into: &x, step)
      mixer.mix(x.rows, into: &y, step)
    } else {
      mixer.mix(h.rows, into: &y, step)
    }
    sumOverRanks(&y, step)
    guard let outputNorm else { return add(y.rows, scale: scale, to: &h, step) }
    var normed = step.take(rows: h.count, columns: h.columns)
    outputNorm.apply(y.rows, into: &normed, step)
    add(normed.rows, scale: scale, to: &h, step)
  }
}
