internal import InferCore

/// The pre-norm residual block of nearly all layers: `h += scale · mixer(norm(h))`.
struct ResidualBlock: Block {
  let norm: RMSNorm
  let mixer: any Mixer
  /// The factor on the mixer's output (Granite).
  var scale: Float = 1

  var letter: Character { mixer.letter }
  var idleParameterCount: Int { mixer.idleParameterCount }

  func apply(to h: inout MutableRows, _ step: borrowing Step) {
    var x = step.take(rows: h.count, columns: h.columns)
    norm.apply(h.rows, into: &x, step)
    var y = step.take(rows: h.count, columns: h.columns)
    mixer.mix(x.rows, into: &y, step)
    add(y.rows, scale: scale, to: &h, step)
  }
}
