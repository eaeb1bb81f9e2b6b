internal import InferCore

/// The time mix of RWKV 7 (Peng et al. 2025, arXiv 2503.14456, §4): a matrix of each head that decays by channels of the key and
/// in which the value under a direction is replaced, at a learning rate; values go from those of the first layer by a part of
/// each channel; decays, rates, parts and gates come through bottlenecks; projection back.
struct TimeMix7: Sendable {
  /// The sizes of a mixer.
  struct Shape: Sendable {
    /// Width of the residual stream.
    let width: Int
    /// Width of a head; divides ``width``.
    let headSize: Int
    /// Widths of the bottlenecks.
    let decayRank: Int
    let learningRank: Int
    let valueRank: Int
    /// `nil` where there is no gate.
    let gateRank: Int?
    /// ε of the norms of heads; `nil` where there are none.
    let headEpsilon: Float?
  }

  let shape: Shape
  /// Of the rank's heads.
  let wkv: WKVShape
  let shift: TokenShift
  /// How much of the row before is in what each map sees.
  let mixes: (receptance: [Float], decay: [Float], key: [Float], value: [Float], learning: [Float])
  let decay: (map: LowRankMap, bias: [Float], rate: [Float])
  let learning: LowRankMap
  /// The part of a value that is the first layer's; `nil` in the first layer.
  let firstPart: LowRankMap?
  let gate: (mix: [Float], map: LowRankMap)?
  /// The weights of a key's direction, of learning rates in keys, and of what a token's own value weighs.
  let removal: [Float]
  let rateMix: [Float]
  let bonus: [Float]
  let receptance: Linear
  let key: Linear
  let value: Linear
  let norm: (weight: [Float], bias: [Float], epsilon: Float)?
  let output: Linear
  let state: StateHandle

  /// Reads `x_r`, `x_w`, `x_k`, `x_v`, `x_a` and `x_g`, `[1 × 1 × width]`; `k_k` and `k_a`, `[width]`, and `r_k`,
  /// `[heads × headSize]`; the bottlenecks `w_lora`, `a_lora`, `v_lora` and `g_lora`, see ``LowRankMap``; `r_proj`, `k_proj`,
  /// `v_proj` and `o_proj`, `[width × width]`, and `g_norm`. Declares the layer's state: a row, and a matrix of each head.
  ///
  /// - Parameters:
  ///   - weights: the scope of the layer's mixer.
  ///   - shape: the sizes.
  ///   - isFirst: whether other layers' values go back to this one's.
  ///   - layout: the layout that gets the state.
  init(
    _ weights: WeightScope, _ shape: Shape, isFirst: Bool, state layout: inout StateLayout
  ) throws(ModelError) {
    let width = shape.width
    let part = try weights.part(ofChannels: width, headDimension: shape.headSize)
    self.shape = shape
    wkv = WKVShape(heads: part.count / shape.headSize, size: shape.headSize)
    shift = TokenShift(width: width, state: &layout, stage: weights.stage)
    func mix(_ name: String) throws(ModelError) -> [Float] { try weights.floats("x_\(name)", shape: [1, 1, width]) }
    mixes = (try mix("r"), try mix("w"), try mix("k"), try mix("v"), try mix("a"))
    func lowRank(
      _ name: String, _ rank: Int, _ activation: LowRankMap.Activation = .none, bias: Bool = true,
      role: MatrixRole = .stored
    ) throws(ModelError) -> LowRankMap {
      try LowRankMap(
        weights["\(name)_lora"], input: width, rank: rank, output: width, part: part, activation, bias: bias,
        role: role)
    }
    decay = (
      map: try lowRank("w", shape.decayRank, .tanh, bias: false, role: .exact),
      bias: try weights.vector("w_lora.lora.2.bias", count: width).parts([part]),
      rate: Array(repeating: 1, count: part.count)
    )
    learning = try lowRank("a", shape.learningRank)
    if isFirst {
      firstPart = nil
      // Some files have a part of the first layer's values of itself.
      weights.discard("v_lora.")
    } else {
      firstPart = try lowRank("v", shape.valueRank)
    }
    gate = try shape.gateRank.map { rank throws(ModelError) in
      (mix: try mix("g"), map: try lowRank("g", rank, .sigmoid, bias: false))
    }
    removal = try weights.vector("k_k", count: width).parts([part])
    rateMix = try weights.vector("k_a", count: width).parts([part])
    bonus = try weights.floats("r_k", shape: [width / wkv.size, wkv.size]).parts([part])
    func map(_ name: String, role: MatrixRole = .linear) throws(ModelError) -> Linear {
      var map = try Linear([.init(weights[name], output: width, rows: [part], role: role)], input: width)
      // Errors of rounding grow in the recurrence.
      map.precision = .whole
      return map
    }
    (receptance, key, value) = (try map("r_proj"), try map("k_proj"), try map("v_proj", role: .value))
    norm = try shape.headEpsilon.map { epsilon throws(ModelError) in
      (
        weight: try weights.vector("g_norm.weight", count: width).parts([part]),
        bias: try weights.vector("g_norm.bias", count: width).parts([part]), epsilon: epsilon
      )
    }
    output = try Linear(weights["o_proj"], columns: part, of: width, output: width)
    state = layout.add(.recurrent(count: wkv.stateCount), stage: weights.stage)
  }

  /// The number of channels of the rank's heads.
  var channels: Int { wkv.heads * wkv.size }

  /// Computes the mixer on all rows.
  ///
  /// - Parameters:
  ///   - x: the normalised stream, `[step rows × width]`.
  ///   - first: the first layer's values, `[step rows × channels]`, which it writes and others read.
  ///   - out: `[step rows × width]`.
  ///   - step: the step.
  func mix(_ x: Rows, first: inout MutableRows, into out: inout MutableRows, _ step: borrowing Step) {
    let (width, own) = (shape.width, channels)
    var difference = step.take(rows: x.count, columns: width)
    shift.apply(x, into: &difference, step)
    var mixed = step.take(rows: x.count, columns: width)
    var r = step.take(rows: x.count, columns: own)
    addProduct(x, difference.rows, by: mixes.receptance, into: &mixed, step)
    receptance.apply(mixed.rows, into: &r, step)
    var decays = step.take(rows: x.count, columns: own)
    addProduct(x, difference.rows, by: mixes.decay, into: &mixed, step)
    decay.map.apply(mixed.rows, into: &decays, step)
    // exp(−½), the logarithm of the largest decay, negated.
    boundedDecay(&decays, bias: decay.bias, rate: decay.rate, bound: -0.606_530_66, step)
    var keys = step.take(rows: x.count, columns: own)
    addProduct(x, difference.rows, by: mixes.key, into: &mixed, step)
    key.apply(mixed.rows, into: &keys, step)
    var values = step.take(rows: x.count, columns: own)
    addProduct(x, difference.rows, by: mixes.value, into: &mixed, step)
    makeValues(mixed.rows, first: &first, into: &values, step)
    var rates = step.take(rows: x.count, columns: own)
    addProduct(x, difference.rows, by: mixes.learning, into: &mixed, step)
    learning.apply(mixed.rows, into: &rates, step)
    sigmoid(&rates, step)
    var removed = step.take(rows: x.count, columns: own)
    wkv7Keys(&keys, rates: &rates, removed: &removed, removal: removal, mix: rateMix, wkv, step)
    var y = step.take(rows: x.count, columns: own)
    wkv7(
      r: r.rows, decay: decays.rows, k: keys.rows, v: values.rows, removed: removed.rows, replaced: rates.rows, wkv,
      state: state, into: &y, step)
    if let norm {
      layerNormHeads(&y, every: wkv.size, weight: norm.weight, bias: norm.bias, epsilon: norm.epsilon, step)
    }
    wkv7Bonus(&y, r: r.rows, k: keys.rows, v: values.rows, weight: bonus, wkv, step)
    if let gate {
      addProduct(x, difference.rows, by: gate.mix, into: &mixed, step)
      var gates = step.take(rows: x.count, columns: own)
      gate.map.apply(mixed.rows, into: &gates, step)
      multiply(&y, by: gates.rows, step)
    }
    output.apply(y.rows, into: &out, step)
  }

  private func makeValues(
    _ x: Rows, first: inout MutableRows, into out: inout MutableRows, _ step: borrowing Step
  ) {
    value.apply(x, into: &out, step)
    guard let firstPart else { return assign(out.rows, scale: 1, to: &first, step) }
    step.scoped {
      var parts = step.take(rows: x.count, columns: out.columns)
      firstPart.apply(x, into: &parts, step)
      sigmoid(&parts, step)
      var way = step.take(rows: x.count, columns: out.columns)
      assign(first.rows, scale: 1, to: &way, step)
      add(out.rows, scale: -1, to: &way, step)
      addProduct(way.rows, parts.rows, to: &out, step)
    }
  }
}

/// The first layer's values beside the residual stream, which that layer writes. A rank uses as many columns as it has channels.
struct FirstValues: StreamSide {
  let columns: Int

  /// Leaves the columns to the first layer.
  func fill(_ out: inout MutableRows, embedded: Rows, _ step: borrowing Step) {}
}

/// The residual block of RWKV 7's time mix: `h += mixer(norm(h))`, with the first layer's values beside the stream.
struct TimeMix7Block: Block {
  let norm: any Norm
  let mixer: TimeMix7

  /// `W`
  var letter: Character { "W" }
  /// None.
  var idleParameterCount: Int { 0 }
  /// `true`: by heads, whose state stays with them.
  var isDivisible: Bool { true }

  /// Computes on all rows of the step.
  func apply(to h: inout MutableRows, _ step: borrowing Step) {
    let width = mixer.shape.width
    var x = step.take(rows: h.count, columns: width)
    norm.apply(h.rows.columns(0..<width), into: &x, step)
    var y = step.take(rows: h.count, columns: width)
    do {
      var first = h.columns(width..<width + mixer.channels)
      mixer.mix(x.rows, first: &first, into: &y, step)
    }
    sumOverRanks(&y, step)
    var stream = h.columns(0..<width)
    add(y.rows, to: &stream, step)
  }
}
