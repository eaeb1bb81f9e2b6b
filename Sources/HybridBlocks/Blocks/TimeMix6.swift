public import InferCore

/// The time mix of RWKV 6 (Peng et al. 2024, arXiv 2404.05892, §4): a matrix of each head whose decays, as what every map sees
/// of the row before, are made of the token through bottlenecks; a layer norm of each head, times a gate through SiLU;
/// projection back.
public struct TimeMix6: Mixer {
  /// The sizes of a mixer.
  struct Shape: Sendable {
    /// Width of the residual stream.
    let width: Int
    /// Width of a head; divides ``width``.
    let headSize: Int
    /// Width of the bottleneck of each of the five mixes.
    let mixRank: Int
    /// Width of the bottleneck of decays.
    let decayRank: Int
  }

  /// The uses of the maps that see a mix of two rows, in the order of files.
  private enum Target: Int { case decay, key, value, receptance, gate }

  let shape: Shape
  /// Of the rank's heads.
  let wkv: WKVShape
  let shift: TokenShift
  /// How much of the row before is in what mixes are made of.
  let inputMix: [Float]
  /// From the stream to the bottlenecks of all mixes.
  let mixDown: Linear
  /// Back from the bottleneck of each, and what is added.
  let mixes: [(up: [PackedMatrix], bias: [Float])]
  let decay: (down: Linear, up: Linear, bias: [Float])
  let bonus: [Float]
  let receptance: Linear
  let key: Linear
  let value: Linear
  let gate: Linear
  let norm: (weight: [Float], bias: [Float], epsilon: Float)
  let output: Linear
  let state: StateHandle

  /// Reads `time_maa_x`, `_w`, `_k`, `_v`, `_r` and `_g`, `[1 × 1 × width]`; the bottlenecks of mixes, `mix_down`,
  /// `[5 · rank × width]`, and `mix_up`, `[5 × width × rank]`; `time_decay`, `[1 × 1 × width]`, `decay_down` and `decay_up`;
  /// `time_faaaa`, `[heads × headSize]`; `receptance`, `key`, `value`, `gate` and `output`, `[width × width]`, and `ln_x`.
  /// Declares the layer's state: a row, and a matrix of each head.
  init(
    _ weights: WeightScope, _ shape: Shape, epsilon: Float, state layout: inout StateLayout
  ) throws(ModelError) {
    let width = shape.width
    let part = try weights.part(ofChannels: width, headDimension: shape.headSize)
    self.shape = shape
    wkv = WKVShape(heads: part.count / shape.headSize, size: shape.headSize)
    shift = TokenShift(width: width, state: &layout, stage: weights.stage)
    inputMix = try weights.floats("time_maa_x", shape: [1, 1, width])
    mixDown = try Linear(weights["mix_down"], input: width, output: 5 * shape.mixRank, role: .exact)
    let ups = try weights["mix_up"].matrices(
      "weight", count: 5, rows: width, columns: shape.mixRank, role: .exact)
    var mixes: [(up: [PackedMatrix], bias: [Float])] = []
    for (index, name) in ["w", "k", "v", "r", "g"].enumerated() {
      mixes.append(([ups[index]], try weights.floats("time_maa_\(name)", shape: [1, 1, width])))
    }
    self.mixes = mixes
    decay = (
      down: try Linear(weights["decay_down"], input: width, output: shape.decayRank, role: .exact),
      up: try Linear(
        [.init(weights["decay_up"], output: width, rows: [part], role: .exact)], input: shape.decayRank),
      bias: try weights.floats("time_decay", shape: [1, 1, width]).parts([part])
    )
    bonus = try weights.floats("time_faaaa", shape: [width / wkv.size, wkv.size]).parts([part])
    func map(_ name: String, role: MatrixRole = .linear) throws(ModelError) -> Linear {
      try Linear([.init(weights[name], output: width, rows: [part], role: role)], input: width)
    }
    receptance = try map("receptance")
    key = try map("key")
    value = try map("value", role: .value)
    gate = try map("gate")
    norm = (
      weight: try weights.vector("ln_x.weight", count: width).parts([part]),
      bias: try weights.vector("ln_x.bias", count: width).parts([part]), epsilon: epsilon
    )
    output = try Linear(weights["output"], columns: part, of: width, output: width)
    state = layout.add(.recurrent(count: wkv.stateCount), stage: weights.stage)
  }

  /// `true`: by heads, whose state stays with them. What maps see is made by all ranks.
  public var isDivisible: Bool { true }

  /// `W`
  public var letter: Character { "W" }

  /// Computes the mixer on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let (width, own) = (shape.width, wkv.heads * wkv.size)
    var difference = step.take(rows: x.count, columns: width)
    shift.apply(x, into: &difference, step)
    var inner = step.take(rows: x.count, columns: 5 * shape.mixRank)
    var mixed = step.take(rows: x.count, columns: width)
    addProduct(x, difference.rows, by: inputMix, into: &mixed, step)
    mixDown.apply(mixed.rows, into: &inner, step)
    softCap(&inner, 1, step)
    var decays = step.take(rows: x.count, columns: own)
    mix(x, difference.rows, inner.rows, .decay, into: &mixed, step)
    makeDecays(mixed.rows, into: &decays, step)
    var keys = step.take(rows: x.count, columns: own)
    mix(x, difference.rows, inner.rows, .key, into: &mixed, step)
    key.apply(mixed.rows, into: &keys, step)
    var values = step.take(rows: x.count, columns: own)
    mix(x, difference.rows, inner.rows, .value, into: &mixed, step)
    value.apply(mixed.rows, into: &values, step)
    var r = step.take(rows: x.count, columns: own)
    mix(x, difference.rows, inner.rows, .receptance, into: &mixed, step)
    receptance.apply(mixed.rows, into: &r, step)
    var gates = step.take(rows: x.count, columns: own)
    mix(x, difference.rows, inner.rows, .gate, into: &mixed, step)
    gate.apply(mixed.rows, into: &gates, step)
    // In the place of what maps have seen.
    var y = mixed.columns(0..<own)
    wkv6(r: r.rows, decay: decays.rows, k: keys.rows, v: values.rows, bonus: bonus, wkv, state: state, into: &y, step)
    layerNormHeads(&y, every: wkv.size, weight: norm.weight, bias: norm.bias, epsilon: norm.epsilon, step)
    siluGate(&y, gate: gates.rows, step)
    output.apply(y.rows, into: &out, step)
  }

  /// The input of a target's map: `x + difference ∘ (up · inner + bias)`.
  private func mix(
    _ x: Rows, _ difference: Rows, _ inner: Rows, _ target: Target, into out: inout MutableRows,
    _ step: borrowing Step
  ) {
    step.scoped {
      let (up, bias) = mixes[target.rawValue]
      var factors = step.take(rows: x.count, columns: x.columns)
      let first = target.rawValue * shape.mixRank
      matmul(inner.columns(first..<first + shape.mixRank), by: up, into: &factors, step)
      addBias(bias, to: &factors, step)
      assign(x, scale: 1, to: &out, step)
      addProduct(difference, factors.rows, to: &out, step)
    }
  }

  private func makeDecays(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var inner = step.take(rows: x.count, columns: shape.decayRank)
    decay.down.apply(x, into: &inner, step)
    softCap(&inner, 1, step)
    decay.up.apply(inner.rows, into: &out, step)
    twiceExponentialDecay(&out, bias: decay.bias, step)
  }
}
