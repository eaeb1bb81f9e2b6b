internal import InferCore

/// The gated delta rule with all that ``GatedDeltaNet`` and ``KimiDeltaAttention`` have around it: projections to query, key
/// and value, a causal convolution with SiLU on them, the rule, a norm of each head times a gate, and a projection back.
struct DeltaRuleMixer: Sendable {
  /// The function from a decay's input `x` to the decay.
  enum DecayRule: Sendable {
    /// `exp(A · softplus(x + bias))`.
    case softplus
    /// `exp(bound · σ(−A · (x + bias)))`, which is never below `exp(bound)`.
    case bounded(Float)
  }

  /// The weights of a mixer.
  struct Parameters: Sendable {
    /// Side by side: `q k v`, β, and the inputs of decay and gate or of their bottlenecks.
    var input: Linear
    /// From the bottlenecks, one behind another, to decay and gate; `nil` for a gate without one.
    var bottleneck: (decay: Linear, gate: Linear?)?
    /// `[taps × channels]`.
    let convolution: [Float]
    /// Added to a decay's input: for each head, or for each channel of each key.
    let decayBias: [Float]
    /// The rate `A` of a decay, likewise.
    let decayRate: [Float]
    /// Of each head of the output.
    let norm: RMSNorm
    let gate: GateActivation
    let output: Linear
    var decayRule = DecayRule.softplus
    /// The factor on `β`, which is a sigmoid: with two, a state may change its sign.
    var strength: Float = 1
  }

  let rule: DeltaRuleShape
  /// Taps of the convolution.
  let taps: Int
  private(set) var parameters: Parameters
  let history: StateHandle
  let state: StateHandle
  /// Weights that make norms by the root mean square norms by length, and scale queries by `1 / √K`.
  private let queryScale: [Float]
  private let keyScale: [Float]
  /// `−A`, for decays with a bound.
  private let negatedRate: [Float]

  /// Declares the state of a layer that a stage has.
  init(_ rule: DeltaRuleShape, taps: Int, _ parameters: Parameters, state layout: inout StateLayout, stage: Int) {
    let size = Float(rule.keyDimension)
    self.rule = rule
    self.taps = taps
    self.parameters = parameters
    // Norms of queries, keys and outputs, and what states remember, make much of small errors.
    self.parameters.input.precision = .whole
    if case .bounded = parameters.decayRule { negatedRate = parameters.decayRate.map { -$0 } } else { negatedRate = [] }
    queryScale = Array(repeating: 1 / size, count: rule.keyDimension)
    keyScale = Array(repeating: 1 / size.squareRoot(), count: rule.keyDimension)
    history = layout.add(.recurrent(count: (taps - 1) * rule.channels), stage: stage)
    state = layout.add(.recurrent(count: rule.stateCount), stage: stage)
  }

  /// Computes the mixer on all rows.
  func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let (channels, heads) = (rule.channels, rule.heads)
    var projected = step.take(rows: x.count, columns: parameters.input.outputWidth)
    parameters.input.apply(x, into: &projected, step)
    do {
      var beta = projected.columns(channels..<channels + heads)
      sigmoid(&beta, step)
      scale(&beta, by: parameters.strength, step)
    }
    var convolved = step.take(rows: x.count, columns: channels)
    causalConvolution(
      projected.rows.columns(0..<channels), weight: parameters.convolution, bias: nil, taps: taps,
      history: history, into: &convolved, step)
    normalize(&convolved, step)
    let first = channels + heads
    let decays = parameters.decayRate.count
    if let bottleneck = parameters.bottleneck {
      let inner = projected.rows.columns(first..<projected.columns)
      let middle = bottleneck.gate == nil ? inner.columns - rule.valueWidth : inner.columns / 2
      var decay = step.take(rows: x.count, columns: decays)
      bottleneck.decay.apply(inner.columns(0..<middle), into: &decay, step)
      makeDecays(&decay, step)
      let behind = inner.columns(middle..<inner.columns)
      guard let map = bottleneck.gate else {
        return finish(convolved.rows, projected.rows, decay: decay.rows, gate: behind, into: &out, step)
      }
      var gate = step.take(rows: x.count, columns: rule.valueWidth)
      map.apply(behind, into: &gate, step)
      finish(convolved.rows, projected.rows, decay: decay.rows, gate: gate.rows, into: &out, step)
    } else {
      do {
        var decay = projected.columns(first..<first + decays)
        makeDecays(&decay, step)
      }
      let rows = projected.rows
      finish(
        convolved.rows, rows, decay: rows.columns(first..<first + decays),
        gate: rows.columns(first + decays..<rows.columns), into: &out, step)
    }
  }

  private func makeDecays(_ x: inout MutableRows, _ step: borrowing Step) {
    switch parameters.decayRule {
    case .softplus: softplusDecay(&x, bias: parameters.decayBias, rate: parameters.decayRate, step)
    case .bounded(let bound): boundedDecay(&x, bias: parameters.decayBias, rate: negatedRate, bound: bound, step)
    }
  }

  /// Divides every query and key by its length, `√(Σ x² + 1e-6)`.
  private func normalize(_ convolved: inout MutableRows, _ step: borrowing Step) {
    let width = rule.keyWidth
    let epsilon = 1e-6 / Float(rule.keyDimension)
    do {
      var queries = convolved.columns(0..<width)
      rmsNormHeads(&queries, weight: queryScale, epsilon: epsilon, step)
    }
    var keys = convolved.columns(width..<2 * width)
    rmsNormHeads(&keys, weight: keyScale, epsilon: epsilon, step)
  }

  private func finish(
    _ qkv: Rows, _ projected: Rows, decay: Rows, gate: Rows, into out: inout MutableRows, _ step: borrowing Step
  ) {
    let (width, channels) = (rule.keyWidth, rule.channels)
    var y = step.take(rows: qkv.count, columns: rule.valueWidth)
    gatedDeltaRule(
      q: qkv.columns(0..<width), k: qkv.columns(width..<2 * width), v: qkv.columns(2 * width..<channels),
      decay: decay, beta: projected.columns(channels..<channels + rule.heads), rule, state: state,
      into: &y, step)
    normThenGate(
      &y, gate: gate, parameters.gate, weight: parameters.norm.weight, epsilon: parameters.norm.epsilon, step)
    parameters.output.apply(y.rows, into: &out, step)
  }
}

extension DeltaRuleShape {
  /// The value heads of some key heads.
  func heads(of keyHeads: Range<Int>) -> Range<Int> { keyHeads.columns(heads / self.keyHeads) }

  /// The columns of the values of some key heads.
  func values(of keyHeads: Range<Int>) -> Range<Int> { keyHeads.columns(valueWidth / self.keyHeads) }

  /// Of all channels, those of some key heads: queries, keys and values.
  func channels(of keyHeads: Range<Int>) -> [Range<Int>] {
    let keys = keyHeads.columns(keyDimension)
    return [keys, keys.moved(by: keyWidth), values(of: keyHeads).moved(by: 2 * keyWidth)]
  }
}

extension WeightScope {
  /// The convolutions of query, key and value of some key heads as one, `[taps × channels]`: stored as one, `conv1d`, or as
  /// three, `q_conv1d`, `k_conv1d` and `v_conv1d`.
  func convolutions(_ rule: DeltaRuleShape, _ keyHeads: Range<Int>, taps: Int) throws(ModelError) -> [Float] {
    let ranges = rule.channels(of: keyHeads)
    guard !has("conv1d.weight") else {
      return try convolution("conv1d.weight", channels: rule.channels, taps: taps)
        .parts((0..<taps).flatMap { tap in ranges.map { $0.moved(by: tap * rule.channels) } })
    }
    let starts = [0, rule.keyWidth, 2 * rule.keyWidth, rule.channels]
    var parts: [[Float]] = []
    for (index, name) in ["q_conv1d", "k_conv1d", "v_conv1d"].enumerated() {
      let width = starts[index + 1] - starts[index]
      parts.append(try convolution(name + ".weight", channels: width, taps: taps))
    }
    return (0..<taps).flatMap { tap in
      (0..<3).flatMap { index in
        let width = starts[index + 1] - starts[index]
        return parts[index][ranges[index].moved(by: tap * width - starts[index])]
      }
    }
  }
}
