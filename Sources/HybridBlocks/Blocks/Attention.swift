public import InferCore

/// Grouped-query attention, with rotary or relative positions or none, and optionally a norm on each query and key head,
/// convolutions of keys and values, a gate on the output and a choice of the blocks of keys that heads see.
public struct Attention: Mixer {
  /// The sizes of a mixer.
  public struct Shape: Sendable {
    /// Width of the residual stream.
    public let width: Int
    /// The number of query heads.
    public private(set) var queryHeads: Int
    /// Key and value heads; divides ``queryHeads``.
    public private(set) var keyHeads: Int
    /// The width of a head.
    public let headDimension: Int
    /// Whether the projections to queries, keys and values have biases.
    public var bias = false
    /// Whether the projection back has a bias.
    public var outputBias = false
    /// Width of the output, where it is not that of the input.
    public var outputWidth: Int?
    /// The number of tokens that each looks at, itself among them; `nil` for all.
    public var window: Int?
    /// The bound that scores are held within; `nil` for none.
    public var scoreCap: Float?
    /// Whether every query head has the score of a key without a value, `sinks`.
    public var hasSinks = false
    /// Whether the output is multiplied by the sigmoid of a gate of its width. `q_proj` then has, for each head, the rows of
    /// the query and behind them those of the gate, and no bias.
    public var isGated = false
    /// Whether the output of every query head is multiplied by the sigmoid of a gate of its own, `g_proj`.
    public var hasHeadGates = false
    /// The width of a value, where it is less than that of a key. The cache has room for as much as a key takes.
    public var valueDimension: Int?
    /// The factor on values.
    public var valueScale: Float = 1
    /// Whether values are the keys before norms and rotation, and there is no map to them.
    public var valuesAreKeys = false
    /// ε of the norm without weights of each head's values; `nil` for none.
    public var valueNormEpsilon: Float?
    /// The growth of scores with the position of the query; `nil` for none.
    public var queryGrowth: PositionGrowth?
    /// Biases of scores by the distance of the key; `nil` for none.
    public var relative: RelativePositions.Shape?
    /// The taps of the convolutions of keys and values, `k_sconv` and `v_sconv`; `nil` for none.
    public var convolutionTaps: Int?

    /// The sizes of attention.
    public init(
      width: Int, queryHeads: Int, keyHeads: Int, headDimension: Int, bias: Bool = false, outputBias: Bool = false,
      outputWidth: Int? = nil, isGated: Bool = false
    ) {
      self.width = width
      self.queryHeads = queryHeads
      self.keyHeads = keyHeads
      self.headDimension = headDimension
      self.bias = bias
      self.outputBias = outputBias
      self.outputWidth = outputWidth
      self.isGated = isGated
    }

    /// The width of a head's values.
    var valueWidth: Int { valueDimension ?? headDimension }

    /// The width of the values of all heads, and of the outputs of all heads.
    var valueWidths: (values: Int, outputs: Int) { (keyHeads * valueWidth, queryHeads * valueWidth) }

    /// The query and key heads that a rank has.
    ///
    /// - Throws: ``ModelError/unsuitable(_:)`` where heads cannot be dealt out.
    func part(_ weights: WeightScope) throws(ModelError) -> (heads: Range<Int>, keyHeads: Range<Int>) {
      // The output's columns are those of values, which blocks of quantised weights are not to be cut by.
      guard let part = weights.share.heads(queryHeads, sharing: keyHeads, width: valueWidth) else {
        throw weights.indivisible(
          "\(queryHeads) query heads and \(keyHeads) key heads cannot be dealt out to \(weights.share.count) ranks")
      }
      return (part.heads, part.shared)
    }

    /// The shape of some heads.
    func of(heads: Range<Int>, keyHeads: Range<Int>) -> Shape {
      var part = self
      part.queryHeads = heads.count
      part.keyHeads = keyHeads.count
      return part
    }

    /// Declares a cache of a layer of this shape, which a stage has.
    func cache(_ state: inout StateLayout, stage: Int) -> StateHandle {
      state.add(.paged(heads: keyHeads, headDimension: headDimension), window: window, stage: stage)
    }
  }

  /// Of the rank's heads.
  let shape: Shape
  let input: Linear
  let output: Linear
  let rotary: RotaryEmbedding?
  let headNorm: HeadNorm?
  /// The norms of all query heads together and of all key heads together, where other ranks have heads as well.
  private let spreadNorms: [SpreadNorm]
  let scale: Float
  let sinks: [Float]?
  let valueNorm: RMSNorm?
  /// `[queryHeads × width]`.
  let headGates: Linear?
  let relative: RelativePositions?
  /// Of keys and values, before norms.
  let convolution: ResidualConvolution?
  /// The layer's keys and values, which other layers may read; see ``CrossLayerAttention``. A layer whose weights are used
  /// several times has a cache for each use.
  public var cache: StateHandle
  /// Added to queries, keys and values, which are its parts, those of the rank's heads.
  public var adapter: LowRankAdapter?
  /// The scorer by which heads choose the blocks of keys that they see; `nil` where they see all.
  private var indexer: (any BlockScorer)?

  /// Reads `q_proj`, `k_proj`, `v_proj` and `o_proj`, or the first three as one `qkv_proj`, and declares the layer's cache.
  /// With relative positions reads `r_proj` and `rel_logits_proj.proj` as well, and with convolutions `k_sconv` and `v_sconv`.
  ///
  /// - Parameters:
  ///   - weights: the scope of the layer's attention.
  ///   - shape: the sizes.
  ///   - rotary: the positions; `nil` for none.
  ///   - headNorm: the norms of query and key heads; `nil` for none.
  ///   - scale: factor on the scores; by default `1 / √headDimension`.
  ///   - outputName: another name of `o_proj`.
  ///   - state: the layout that gets the cache.
  public init(
    _ weights: WeightScope, _ shape: Shape, rotary: RotaryEmbedding?, headNorm: HeadNorm? = nil, scale: Float? = nil,
    outputName: String = "o_proj", state: inout StateLayout
  ) throws(ModelError) {
    let (q, k) = (shape.queryHeads * shape.headDimension, shape.keyHeads * shape.headDimension)
    let (v, mixed) = shape.valueWidths
    precondition(v <= k && (v == k || !shape.isGated), "values wider than keys, or gated")
    precondition(
      shape.relative == nil && shape.convolutionTaps == nil || v == k && !shape.isGated && !shape.valuesAreKeys,
      "relative positions or convolutions in attention that is not plain")
    let part = try shape.part(weights)
    let (queries, keys) = (part.heads.columns(shape.headDimension), part.keyHeads.columns(shape.headDimension))
    let (values, outputs) = (part.keyHeads.columns(shape.valueWidth), part.heads.columns(shape.valueWidth))
    relative = try shape.relative.map { sizes throws(ModelError) in
      try RelativePositions(weights, sizes)
    }
    if shape.isGated {
      input = try Self.gatedInput(weights, shape, queries, keys)
    } else if weights.has("qkv_proj.weight"), relative == nil {
      input = try Linear(
        fused: weights["qkv_proj"], parts: [[queries], [keys.moved(by: q)], [values.moved(by: q + k)]],
        input: shape.width, output: q + k + v, bias: shape.bias)
    } else {
      input = try Linear(
        [.init(weights["q_proj"], output: q, rows: [queries]), .init(weights["k_proj"], output: k, rows: [keys])]
          + (shape.valuesAreKeys ? [] : [.init(weights["v_proj"], output: v, rows: [values], role: .value)])
          + (shape.relative.map {
            [RelativePositions.weights(weights, $0, queryHeads: shape.queryHeads, heads: part.heads)]
          } ?? []),
        input: shape.width, bias: shape.bias)
    }
    valueNorm = shape.valueNormEpsilon.map { RMSNorm(unweighted: shape.valueWidth, epsilon: $0) }
    output = try Linear(
      weights[outputName], columns: outputs, of: mixed, output: shape.outputWidth ?? shape.width,
      bias: shape.outputBias)
    self.rotary = rotary
    self.headNorm = headNorm?.of(queries: queries, keys: keys)
    self.scale = scale ?? 1 / Float(shape.headDimension).squareRoot()
    sinks = shape.hasSinks ? try weights.vector("sinks", count: shape.queryHeads).parts([part.heads]) : nil
    headGates =
      shape.hasHeadGates
      ? try Linear([.init(weights["g_proj"], output: shape.queryHeads, rows: [part.heads])], input: shape.width) : nil
    convolution = try shape.convolutionTaps.map { taps throws(ModelError) in
      try ResidualConvolution(
        [
          .init(weights: weights["k_sconv"], channels: k, range: keys),
          .init(weights: weights["v_sconv"], channels: v, range: values),
        ], taps: taps, state: &state)
    }
    self.shape = shape.of(heads: part.heads, keyHeads: part.keyHeads)
    spreadNorms =
      headNorm?.spread(
        queries: queries, keys: keys, over: weights.share.count, headDimension: shape.headDimension) ?? []
    cache = self.shape.cache(&state, stage: weights.stage)
  }

  /// Reads the scorer `indexer`, by which heads choose the blocks of keys that they see.
  ///
  /// - Parameters:
  ///   - sizes: the sizes of the scorer.
  ///   - whole: the shape of all ranks' heads together, which this was read with.
  ///   - weights: the scope of the layer's attention.
  ///   - state: the layout that gets the scorer's cache.
  /// - Precondition: attention has rotary positions, and neither windows, sinks, a cap nor values narrower than keys.
  mutating func chooseBlocks(
    _ sizes: BlockIndexer.Shape, of whole: Shape, _ weights: WeightScope, state: inout StateLayout
  ) throws(ModelError) {
    indexer = try BlockIndexer(
      weights["indexer"], sizes, rotary: plainRotary, queryHeads: whole.queryHeads,
      first: try whole.part(weights).heads.lowerBound, state: &state)
  }

  /// The same by a scorer that has a key for each block.
  mutating func chooseBlocks(
    _ sizes: PooledIndexer.Shape, of whole: Shape, _ weights: WeightScope, state: inout StateLayout
  ) throws(ModelError) {
    indexer = try PooledIndexer(
      weights["indexer"], sizes, rotary: plainRotary, queryHeads: whole.queryHeads,
      first: try whole.part(weights).heads.lowerBound, state: &state)
  }

  /// The positions of attention that is plain enough for a choice of blocks.
  private var plainRotary: RotaryEmbedding {
    precondition(
      shape.window == nil && sinks == nil && shape.scoreCap == nil && shape.valueWidth == shape.headDimension
        && relative == nil,
      "a choice of blocks in attention that is not plain")
    guard let rotary else { preconditionFailure("a choice of blocks without positions") }
    return rotary
  }

  /// Query, key, value and gate, in this order, of the columns that the rank has of queries and of keys.
  private static func gatedInput(
    _ weights: WeightScope, _ shape: Shape, _ queries: Range<Int>, _ keys: Range<Int>
  ) throws(ModelError) -> Linear {
    precondition(!shape.bias, "a gate with a bias")
    let (d, width, rows) = (shape.headDimension, shape.width, shape.keyHeads * shape.headDimension)
    let heads = queries.elements(d)
    let query = try weights["q_proj"].matrices(
      "weight", rows: 2 * shape.queryHeads * d, columns: width,
      parts: [0, d].map { first in heads.map { $0 * 2 * d + first..<$0 * 2 * d + first + d } },
      inProducts: true)
    let key = try weights["k_proj"].matrices("weight", rows: rows, columns: width, parts: [[keys]], inProducts: true)
    let value = try weights["v_proj"].matrices(
      "weight", rows: rows, columns: width, parts: [[keys]], role: .value, inProducts: true)
    return Linear([query[0], key[0], value[0], query[1]])
  }

  /// `true`: by heads.
  public var isDivisible: Bool { true }

  /// `A`
  public var letter: Character { "A" }

  /// Computes attention on all rows of the step.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let (d, heads) = (shape.headDimension, shape.keyHeads)
    let (q, k) = (shape.queryHeads * d, heads * d)
    var projected = step.take(rows: x.count, columns: input.outputWidth + (shape.valuesAreKeys ? k : 0))
    do {
      var inputs = projected.columns(0..<input.outputWidth)
      input.apply(x, into: &inputs, step)
      adapter?.add(x, to: &inputs, step)
    }
    if let convolution {
      var keys = projected.columns(q..<q + 2 * k)
      convolution.apply(to: &keys, step)
    }
    if shape.valuesAreKeys { copyKeysToValues(&projected, step) }
    if let valueNorm {
      var values = projected.columns(q + k..<q + k + shape.valueWidths.values)
      valueNorm.applyToHeads(of: &values, step)
    }
    if case .beforeRotation(let query, let key) = headNorm { normalize(&projected, query, key, step) }
    if let rotary {
      var angles = step.take(rows: x.count, columns: rotary.dimension)
      rotary.fillAngles(&angles, step)
      // Query and key heads stand side by side and turn alike.
      var turned = projected.columns(0..<q + k)
      rotary.rotate(&turned, headDimension: d, angles: angles.rows, step)
    }
    if case .afterRotation(let query, let key) = headNorm { normalize(&projected, query, key, step) }
    if let growth = shape.queryGrowth {
      var queries = projected.columns(0..<q)
      scaleByPosition(&queries, growth, step)
    }
    if let growth = shape.queryGrowth, relative != nil {
      var weights = projected.columns(q + 2 * k..<input.outputWidth)
      scaleByPosition(&weights, growth, step)
    }
    let rows = projected.rows
    guard shape.valueWidth == d else { return mixNarrow(x, rows, into: &out, step) }
    appendToCache(
      keys: rows.columns(q..<q + k), values: rows.columns(q + k..<q + 2 * k), heads: heads, headDimension: d,
      cache: cache, step)
    var mixed = step.take(rows: x.count, columns: q)
    if let indexer {
      indexer.attend(x, queries: rows.columns(0..<q), shape, scale: scale, cache: cache, into: &mixed, step)
    } else {
      let biases: (profiles: DistanceProfiles, weights: Rows)? =
        if let relative { (relative.profiles, rows.columns(q + 2 * k..<input.outputWidth)) } else { nil }
      attend(
        queries: rows.columns(0..<q), queryHeads: shape.queryHeads, heads: heads, headDimension: d, scale: scale,
        cap: shape.scoreCap, sinks: sinks,
        biases: biases, cache: cache, into: &mixed, step)
    }
    if shape.isGated { sigmoidGate(&mixed, gate: rows.columns(q + 2 * k..<2 * q + 2 * k), step) }
    finish(x, &mixed, into: &out, step)
  }

  /// The rest of ``mix(_:into:_:)`` where values are narrower than keys: with zeros behind them, and without again.
  private func mixNarrow(_ x: Rows, _ rows: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let (d, heads) = (shape.headDimension, shape.keyHeads)
    let (q, k) = (shape.queryHeads * d, heads * d)
    let width = shape.valueWidth
    var values = step.take(rows: x.count, columns: k)
    assign(0, to: &values, step)
    copyHeads(
      rows.columns(q + k..<q + k + heads * width), every: width, columns: 0..<width, into: &values, every: d, at: 0,
      step)
    appendToCache(
      keys: rows.columns(q..<q + k), values: values.rows, heads: heads, headDimension: d, cache: cache, step)
    var wide = step.take(rows: x.count, columns: q)
    attend(
      queries: rows.columns(0..<q), queryHeads: shape.queryHeads, heads: heads, headDimension: d, scale: scale,
      cap: shape.scoreCap, sinks: sinks, cache: cache, into: &wide, step)
    var mixed = step.take(rows: x.count, columns: shape.queryHeads * width)
    copyHeads(wide.rows, every: d, columns: 0..<width, into: &mixed, every: width, at: 0, step)
    finish(x, &mixed, into: &out, step)
  }

  private func copyKeysToValues(_ projected: inout MutableRows, _ step: borrowing Step) {
    let (q, k) = (shape.queryHeads * shape.headDimension, shape.keyHeads * shape.headDimension)
    var keys = step.take(rows: projected.count, columns: k)
    assign(projected.rows.columns(q..<q + k), scale: 1, to: &keys, step)
    var values = projected.columns(q + k..<q + 2 * k)
    assign(keys.rows, scale: 1, to: &values, step)
  }

  /// Scales and gates the heads' outputs, and projects them.
  private func finish(_ x: Rows, _ mixed: inout MutableRows, into out: inout MutableRows, _ step: borrowing Step) {
    // Outputs are sums of values.
    InferCore.scale(&mixed, by: shape.valueScale, step)
    if let headGates {
      var gates = step.take(rows: x.count, columns: shape.queryHeads)
      headGates.apply(x, into: &gates, step)
      sigmoidGate(&mixed, gate: gates.rows, step)
    }
    output.apply(mixed.rows, into: &out, step)
  }

  private func normalize(_ projected: inout MutableRows, _ query: RMSNorm, _ key: RMSNorm, _ step: borrowing Step) {
    guard spreadNorms.isEmpty else { return rmsNormOverRanks(&projected, spreadNorms, step) }
    let (q, k) = (shape.queryHeads * shape.headDimension, shape.keyHeads * shape.headDimension)
    do {
      var queries = projected.columns(0..<q)
      query.applyToHeads(of: &queries, step)
    }
    var keys = projected.columns(q..<q + k)
    key.applyToHeads(of: &keys, step)
  }
}
