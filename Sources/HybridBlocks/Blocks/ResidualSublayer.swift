internal import InferCore

/// The pre-norm residual sub-layer that nearly every layer of every family is: `h += scale · mixer(norm(h))`.
struct ResidualSublayer: Block {
  let norm: RMSNorm
  let mixer: any Mixer
  /// Granite's residual multiplier.
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
