public import InferCore

/// Gated DeltaNet (Yang, Kautz & Hatamizadeh 2024, arXiv 2412.06464), as Qwen3-Next has it: a projection to queries, keys,
/// values, `β`, decays and gates; a causal convolution with SiLU on `q k v`; queries and keys divided by their lengths; the
/// gated delta rule, `S ← α S (1 − β k kᵀ) + β v kᵀ`, `y = S q`, with one decay `α` a head; a norm of each head, times the
/// SiLU or the sigmoid of its gate; projection back.
public struct GatedDeltaNet: Mixer {
  /// The sizes of a mixer.
  public struct Shape: Sendable {
    /// Width of the residual stream.
    public let width: Int
    /// Heads of values `H`, each with a state of its own.
    public private(set) var heads: Int
    /// Heads of queries and keys; divides ``heads``.
    public private(set) var keyHeads: Int
    /// The width of a query and of a key `K`.
    public let keyDimension: Int
    /// The width of a value `V`.
    public let valueDimension: Int
    /// Taps of the convolution.
    public let taps: Int
    /// Whether value heads are tiled: value head `h` uses key head `h mod keyHeads`, and not `h / (heads / keyHeads)`.
    public var tilesValues = false
    /// The factor on `β`. With two, which lets eigenvalues of a state's change be negative (Grazzi et al. 2024,
    /// arXiv 2411.12537), a value under a key may be turned around.
    public var strength: Float = 1
    /// Whether outputs are multiplied by the sigmoid of their gates, and not by the SiLU.
    public var hasSigmoidGates = false

    /// The sizes of a mixer.
    public init(
      width: Int, heads: Int, keyHeads: Int, keyDimension: Int, valueDimension: Int, taps: Int,
      tilesValues: Bool = false
    ) {
      self.width = width
      self.heads = heads
      self.keyHeads = keyHeads
      self.keyDimension = keyDimension
      self.valueDimension = valueDimension
      self.taps = taps
      self.tilesValues = tilesValues
    }

    /// The shape of some key heads, with the value heads that use them.
    func of(keyHeads range: Range<Int>) -> Shape {
      var part = self
      part.heads = heads / keyHeads * range.count
      part.keyHeads = range.count
      return part
    }

    /// Heads and their sizes.
    var rule: DeltaRuleShape {
      DeltaRuleShape(
        heads: heads, keyHeads: keyHeads, keyDimension: keyDimension, valueDimension: valueDimension,
        tilesValues: tilesValues)
    }
  }

  let mixer: DeltaRuleMixer

  /// Reads `in_proj_qkv`, `[2 · keyHeads · K + H · V × width]`; `in_proj_z`, the gates, `[H · V × width]`; `in_proj_b` and
  /// `in_proj_a`, the inputs of `β` and of decays, `[H × width]` each; or in their place, with one key head's rows behind
  /// another's, `in_proj_qkvz` and `in_proj_ba`; or all in `in_proj`, rows in the order q, k, v, z, b, a; or the first as
  /// three, `q_proj`, `k_proj` and `v_proj`. Then `conv1d`, or a convolution of each of the three, `dt_bias`, the rates of
  /// decay `A`, `norm`, `[V]`, and `out_proj`, `[width × H · V]`. Declares the layer's state: the convolution's last inputs,
  /// and `[H × K × V]`.
  ///
  /// A decay is `exp(A · softplus(a + dt_bias))`.
  ///
  /// - Parameters:
  ///   - weights: the scope of the layer's mixer.
  ///   - shape: the sizes.
  ///   - epsilon: ε of the norm of heads.
  ///   - layout: the layout that gets the state.
  public init(
    _ weights: WeightScope, _ shape: Shape, epsilon: Float, state layout: inout StateLayout
  ) throws(ModelError) {
    let (rule, share) = (shape.rule, weights.share)
    guard
      let columns = share.columns(of: rule.valueWidth, width: rule.valueWidth / rule.keyHeads),
      !share.dividesLayers || !shape.tilesValues
    else {
      throw weights.indivisible(
        "\(shape.keyHeads) key heads\(shape.tilesValues ? ", whose value heads are tiled," : "") cannot be dealt out to "
          + "\(share.count) ranks")
    }
    let keyHeads = columns.elements(rule.valueWidth / rule.keyHeads)
    let heads = rule.heads(of: keyHeads)
    mixer = DeltaRuleMixer(
      shape.of(keyHeads: keyHeads).rule, taps: shape.taps,
      .init(
        input: Linear(try Self.input(weights, shape, keyHeads)),
        convolution: try weights.convolutions(rule, keyHeads, taps: shape.taps),
        decayBias: try weights.vector("dt_bias", count: rule.heads).parts([heads]),
        decayRate: try weights.vector("A", count: rule.heads).parts([heads]),
        norm: try RMSNorm(weights["norm"], width: rule.valueDimension, epsilon: epsilon),
        gate: shape.hasSigmoidGates ? .sigmoid : .silu,
        output: try Linear(weights["out_proj"], columns: columns, of: rule.valueWidth, output: shape.width),
        strength: shape.strength),
      state: &layout, stage: weights.stage)
  }

  /// The maps to queries, keys and values, to the inputs of `β` and of decays, and to gates, in this order, of some key heads.
  private static func input(
    _ weights: WeightScope, _ shape: Shape, _ keyHeads: Range<Int>
  ) throws(ModelError) -> [PackedMatrix] {
    let rule = shape.rule
    guard !weights.has("in_proj.weight") else {
      let heads = rule.heads(of: keyHeads)
      let (b, a) = (rule.channels + rule.valueWidth, rule.channels + rule.valueWidth + rule.heads)
      return try weights.matrices(
        "in_proj.weight", rows: a + rule.heads, columns: shape.width,
        parts: [
          rule.channels(of: keyHeads), [heads.moved(by: b)], [heads.moved(by: a)],
          [rule.values(of: keyHeads).moved(by: rule.channels)],
        ], inProducts: true)
    }
    let (qkv, z) = try queryToGate(weights, shape, keyHeads)
    let (b, a) = try strengthAndDecay(weights, shape, keyHeads)
    return qkv + [b, a, z]
  }

  private static func queryToGate(
    _ weights: WeightScope, _ shape: Shape, _ keyHeads: Range<Int>
  ) throws(ModelError) -> (qkv: [PackedMatrix], z: PackedMatrix) {
    let (rule, width) = (shape.rule, shape.width)
    guard weights.has("in_proj_qkvz.weight") else {
      let (keys, values) = ([[keyHeads.columns(rule.keyDimension)]], [[rule.values(of: keyHeads)]])
      let qkv =
        weights.has("q_proj.weight")
        ? try weights.matrices("q_proj.weight", rows: rule.keyWidth, columns: width, parts: keys, inProducts: true)
          + weights.matrices("k_proj.weight", rows: rule.keyWidth, columns: width, parts: keys, inProducts: true)
          + weights.matrices(
            "v_proj.weight", rows: rule.valueWidth, columns: width, parts: values, role: .value, inProducts: true)
        : try weights.matrices(
          "in_proj_qkv.weight", rows: rule.channels, columns: width, parts: [rule.channels(of: keyHeads)],
          inProducts: true)
      let z = try weights.matrices(
        "in_proj_z.weight", rows: rule.valueWidth, columns: width, parts: values, inProducts: true)
      return (qkv, z[0])
    }
    // Of each key head: its query, its key, its value heads, their gates.
    let (key, values) = (rule.keyDimension, rule.valueWidth / rule.keyHeads)
    let sizes = [key, key, values, values]
    let starts = [0, key, 2 * key, 2 * key + values]
    let ranges = zip(starts, sizes).map { start, size in
      rows(of: keyHeads, apart: 2 * (key + values), first: start, count: size)
    }
    let parts = try weights.matrices(
      "in_proj_qkvz.weight", rows: rule.channels + rule.valueWidth, columns: shape.width,
      parts: [ranges[0] + ranges[1] + ranges[2], ranges[3]], inProducts: true)
    return ([parts[0]], parts[1])
  }

  private static func strengthAndDecay(
    _ weights: WeightScope, _ shape: Shape, _ keyHeads: Range<Int>
  ) throws(ModelError) -> (b: PackedMatrix, a: PackedMatrix) {
    let count = shape.heads / shape.keyHeads
    guard weights.has("in_proj_ba.weight") else {
      let rows = [[shape.rule.heads(of: keyHeads)]]
      return (
        try weights.matrices(
          "in_proj_b.weight", rows: shape.heads, columns: shape.width, parts: rows, role: .exact, inProducts: true)[0],
        try weights.matrices(
          "in_proj_a.weight", rows: shape.heads, columns: shape.width, parts: rows, role: .exact, inProducts: true)[0]
      )
    }
    let parts = try weights.matrices(
      "in_proj_ba.weight", rows: 2 * shape.heads, columns: shape.width,
      parts: [0, count].map { rows(of: keyHeads, apart: 2 * count, first: $0, count: count) }, role: .stored,
      inProducts: true)
    return (parts[0], parts[1])
  }

  /// Rows `first ..< first + count` of each of some heads whose rows begin `apart` rows apart.
  private static func rows(of heads: Range<Int>, apart: Int, first: Int, count: Int) -> [Range<Int>] {
    heads.map { $0 * apart + first..<$0 * apart + first + count }
  }

  /// `true`: by key heads with the value heads that use them, whose state stays with them.
  public var isDivisible: Bool { true }

  /// `D`
  public var letter: Character { "D" }

  /// Computes the mixer on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) { mixer.mix(x, into: &out, step) }
}
