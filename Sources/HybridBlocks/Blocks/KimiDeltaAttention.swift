public import InferCore

/// Kimi Delta Attention (Kimi Team 2025, arXiv 2510.26692): the gated delta rule, `S ← S diag(α) (1 − β k kᵀ) + β v kᵀ`,
/// `y = S q`, with a decay `α` for every channel of a key. Queries, keys and values each have a causal convolution with SiLU;
/// queries and keys are divided by their lengths; decays and gates come through bottlenecks; each head is normalised and
/// multiplied by the sigmoid of its gate.
public struct KimiDeltaAttention: Mixer {
  /// The sizes of a mixer.
  public struct Shape: Sendable {
    /// Width of the residual stream.
    public let width: Int
    /// Heads `H` of queries, keys and values.
    public let heads: Int
    /// The width of a head `D`, and of the bottlenecks.
    public let headDimension: Int
    /// Taps of the convolutions.
    public let taps: Int
    /// The logarithm that no decay is below (Ling 3); `nil` for decays without a bound.
    public var lowestDecay: Float?

    /// The sizes of a mixer.
    public init(width: Int, heads: Int, headDimension: Int, taps: Int) {
      self.width = width
      self.heads = heads
      self.headDimension = headDimension
      self.taps = taps
    }
  }

  let mixer: DeltaRuleMixer

  /// Reads `q_proj`, `k_proj`, `v_proj`, `[H · D × width]` each, and their convolutions `q_conv1d`, `k_conv1d`, `v_conv1d`;
  /// `b_proj`, the inputs of `β`, `[H × width]`; decays by `f_a_proj`, `[D × width]`, `f_b_proj`, `[H · D × D]`, `dt_bias`,
  /// `[H · D]`, and their rates `A`, `[H]`; gates by `g_a_proj` and `g_b_proj`; or without a bottleneck `f_proj`, or `g_proj`,
  /// `[H · D × width]`; `o_norm`, `[D]`, and `o_proj`. Declares the layer's state: the convolutions' last inputs, and
  /// `[H × D × D]`.
  ///
  /// A decay is `exp(A · softplus(f + dt_bias))`, or with a lowest one `exp(lowest · σ(−A · (f + dt_bias)))`.
  ///
  /// - Parameters:
  ///   - weights: the scope of the layer's mixer.
  ///   - shape: the sizes.
  ///   - epsilon: ε of the norm of heads.
  ///   - layout: the layout that gets the state.
  public init(
    _ weights: WeightScope, _ shape: Shape, epsilon: Float, state layout: inout StateLayout
  ) throws(ModelError) {
    let (width, heads, size) = (shape.width, shape.heads, shape.headDimension)
    let inner = heads * size
    guard let columns = weights.share.columns(of: inner, width: size) else {
      throw weights.indivisible("\(heads) heads cannot be dealt out to \(weights.share.count) ranks")
    }
    let own = columns.elements(size)
    let rates = try weights.vector("A", count: heads).parts([own])
    let rule = DeltaRuleShape(heads: heads, keyHeads: heads, keyDimension: size, valueDimension: size)
    let (isDirect, hasLowGate) = (weights.has("f_proj.weight"), weights.has("g_a_proj.weight"))
    func direct(_ name: String) -> Linear.Part { .init(weights[name], output: inner, rows: [columns]) }
    let decayAndGate = [
      isDirect ? direct("f_proj") : .init(weights["f_a_proj"], output: size, role: .exact),
      hasLowGate ? .init(weights["g_a_proj"], output: size) : direct("g_proj"),
    ]
    precondition(!(isDirect && hasLowGate), "a bottleneck of gates alone")
    mixer = DeltaRuleMixer(
      DeltaRuleShape(heads: own.count, keyHeads: own.count, keyDimension: size, valueDimension: size), taps: shape.taps,
      .init(
        input: try Linear(
          [
            .init(weights["q_proj"], output: inner, rows: [columns]),
            .init(weights["k_proj"], output: inner, rows: [columns]),
            .init(weights["v_proj"], output: inner, rows: [columns], role: .value),
            .init(weights["b_proj"], output: heads, rows: [own], role: .exact),
          ] + decayAndGate, input: width),
        bottleneck: isDirect
          ? nil
          : (
            decay: try Linear(
              [.init(weights["f_b_proj"], output: inner, rows: [columns], role: .exact)], input: size),
            gate: hasLowGate ? try Linear([direct("g_b_proj")], input: size) : nil
          ),
        convolution: try weights.convolutions(rule, own, taps: shape.taps),
        decayBias: try weights.vector("dt_bias", count: inner).parts([columns]),
        decayRate: rates.flatMap { Array(repeating: $0, count: size) },
        norm: try RMSNorm(weights["o_norm"], width: size, epsilon: epsilon), gate: .sigmoid,
        output: try Linear(weights["o_proj"], columns: columns, of: inner, output: width),
        decayRule: shape.lowestDecay.map { .bounded($0) } ?? .softplus),
      state: &layout, stage: weights.stage)
  }

  /// `true`: by heads, whose state stays with them.
  public var isDivisible: Bool { true }

  /// `D`
  public var letter: Character { "D" }

  /// Computes the mixer on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) { mixer.mix(x, into: &out, step) }
}
