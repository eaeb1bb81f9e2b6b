public import InferCore

/// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, §2.1): the keys and values of all heads are linear maps of
/// one latent vector a token. The cache holds that vector, with one key for positions that all heads share behind it.
///
/// For a few rows the maps are absorbed: a query goes through its head's key map once, and then meets latent vectors
/// themselves; their weighted sum goes through the head's value map (same paper, end of §2.1.2). For many rows of a sequence,
/// the keys and values of its tokens are computed, which makes shorter products.
public struct LatentAttention: Mixer {
  /// The sizes of a mixer.
  public struct Shape: Sendable {
    /// Width of the residual stream.
    public let width: Int
    /// Heads of queries, keys and values.
    public private(set) var heads: Int
    /// Rank of the map to queries, `q_lora_rank`; `nil` where it is one matrix.
    public let queryRank: Int?
    /// Elements of the latent vector, `kv_lora_rank`.
    public let latentDimension: Int
    /// Elements of a head's key that come from the latent vector, `qk_nope_head_dim`.
    public let keyDimension: Int
    /// Elements of the key that all heads share, which alone is rotated, `qk_rope_head_dim`.
    public let sharedKeyDimension: Int
    /// Elements of a head's value, `v_head_dim`.
    public let valueDimension: Int
    /// Whether the maps from and to the residual stream have biases, but for a map to queries of full rank.
    public var bias = false
    /// ε of the norms of latent vectors, which no configuration gives.
    public var epsilon: Float = 1e-6
    /// Whether every head's output is multiplied by the sigmoid of a gate of its own, `g_proj`.
    public var hasHeadGates = false
    /// Whether every element of the output is multiplied by the sigmoid of a gate, `gate_proj`.
    public var hasGates = false
    /// Whether every head has the score of a key without a value, `sinks`.
    public var hasSinks = false
    /// The factor on queries of lower rank, and on latent vectors, behind their norms (LongCat-Flash, arXiv 2509.01322,
    /// §2.2).
    public var rankScales: (query: Float, latent: Float) = (1, 1)

    /// The sizes of a mixer.
    public init(
      width: Int, heads: Int, queryRank: Int? = nil, latentDimension: Int, keyDimension: Int, sharedKeyDimension: Int,
      valueDimension: Int, bias: Bool = false, epsilon: Float = 1e-6
    ) {
      self.width = width
      self.heads = heads
      self.queryRank = queryRank
      self.latentDimension = latentDimension
      self.keyDimension = keyDimension
      self.sharedKeyDimension = sharedKeyDimension
      self.valueDimension = valueDimension
      self.bias = bias
      self.epsilon = epsilon
    }

    /// The shape of some heads.
    func of(heads: Range<Int>) -> Shape {
      var part = self
      part.heads = heads.count
      return part
    }

    /// Elements of a query.
    public var queryDimension: Int { keyDimension + sharedKeyDimension }
    /// Elements of a cached row.
    var row: Int { latentDimension + sharedKeyDimension }
  }

  /// From the residual stream to queries, through a normalised vector of lower rank or directly.
  private enum Queries: Sendable {
    case direct(Linear)
    case lowRank(down: Linear, norm: RMSNorm, up: Linear)
  }

  /// Of the rank's heads.
  let shape: Shape
  private let queries: Queries
  let compression: Linear
  let norm: RMSNorm
  private(set) var maps: LatentMaps
  let output: Linear
  let rotary: RotaryEmbedding?
  let scale: Float
  /// `[heads × width]`, or `[heads · valueDimension × width]`.
  let gates: Linear?
  /// The scorer by which rows choose the keys that they see; `nil` where they see all.
  var indexer: (any KeyScorer)?
  let cache: StateHandle

  /// Reads `q_proj`, `[heads · queryDimension × width]`, or `q_a_proj`, `[queryRank × width]`, `q_a_layernorm` and `q_b_proj`;
  /// `kv_a_proj_with_mqa`, `[latentDimension + sharedKeyDimension × width]`, and `kv_a_layernorm`; of each head the map to
  /// keys, transposed, `k_b_proj`, `[heads × latentDimension × keyDimension]`, and the map to values, `v_b_proj`, `[heads ×
  /// valueDimension × latentDimension]`; and `o_proj`, `[width × heads · valueDimension]`. Declares the layer's cache.
  /// Checkpoints mostly have the two maps as one, `kv_b_proj`; see ``Shape/storedForms``.
  ///
  /// - Parameters:
  ///   - weights: the scope of the layer's attention.
  ///   - shape: the sizes.
  ///   - rotary: positions of the shared key and the part of queries that meets it; `nil` for none.
  ///   - scale: factor on the scores; by default `1 / √queryDimension`.
  ///   - state: the layout that gets the cache: a row of `latentDimension + sharedKeyDimension` elements a token.
  public init(
    _ weights: WeightScope, _ shape: Shape, rotary: RotaryEmbedding?, scale: Float? = nil, state: inout StateLayout
  ) throws(ModelError) {
    precondition(
      rotary.map { $0.dimension == shape.sharedKeyDimension } ?? true,
      "rotation of other than \(shape.sharedKeyDimension) elements")
    guard
      let columns = weights.share.columns(of: shape.heads * shape.valueDimension, width: shape.valueDimension)
    else { throw weights.indivisible("\(shape.heads) heads cannot be dealt out to \(weights.share.count) ranks") }
    let heads = columns.elements(shape.valueDimension)
    self.shape = shape.of(heads: heads)
    queries = try Self.queries(weights, shape, heads)
    compression = try Linear(
      weights["kv_a_proj_with_mqa"], input: shape.width, output: shape.row, bias: shape.bias)
    norm = try RMSNorm(weights["kv_a_layernorm"], width: shape.latentDimension, epsilon: shape.epsilon).scaled(
      by: shape.rankScales.latent)
    maps = LatentMaps(
      keys: try weights["k_b_proj"].matrices(
        "weight", heads, of: shape.heads, rows: shape.latentDimension, columns: shape.keyDimension, role: .stored),
      values: try weights["v_b_proj"].matrices(
        "weight", heads, of: shape.heads, rows: shape.valueDimension, columns: shape.latentDimension, role: .stored),
      sharedKeyDimension: shape.sharedKeyDimension)
    output = try Linear(
      weights["o_proj"], columns: columns, of: shape.heads * shape.valueDimension, output: shape.width,
      bias: shape.bias)
    self.rotary = rotary
    self.scale = scale ?? 1 / Float(shape.queryDimension).squareRoot()
    precondition(!(shape.hasGates && shape.hasHeadGates), "gates of heads and of their elements")
    if shape.hasGates {
      gates = try Linear(
        [.init(weights["gate_proj"], output: shape.heads * shape.valueDimension, rows: [columns])], input: shape.width)
    } else {
      gates =
        shape.hasHeadGates
        ? try Linear([.init(weights["g_proj"], output: shape.heads, rows: [heads])], input: shape.width) : nil
    }
    if shape.hasSinks { maps.sinks = try weights.vector("sinks", count: shape.heads).parts([heads]) }
    cache = state.add(.latent(dimension: shape.row), stage: weights.stage)
  }

  private static func queries(
    _ weights: WeightScope, _ shape: Shape, _ heads: Range<Int>
  ) throws(ModelError) -> Queries {
    let (width, rows) = (shape.heads * shape.queryDimension, [heads.columns(shape.queryDimension)])
    guard let rank = shape.queryRank else {
      return .direct(try Linear([.init(weights["q_proj"], output: width, rows: rows)], input: shape.width))
    }
    return .lowRank(
      down: try Linear(weights["q_a_proj"], input: shape.width, output: rank, bias: shape.bias),
      norm: try RMSNorm(weights["q_a_layernorm"], width: rank, epsilon: shape.epsilon).scaled(
        by: shape.rankScales.query),
      up: try Linear([.init(weights["q_b_proj"], output: width, rows: rows)], input: rank))
  }

  /// `true`: by heads. Latent vectors, which all heads share, and the choice of keys are on every rank.
  public var isDivisible: Bool { true }

  /// `A`
  public var letter: Character { "A" }

  /// Computes attention on all rows of the step.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var keys = step.take(rows: x.count, columns: indexer?.rule.mostKeys ?? 0)
    mix(x, choosing: indexer?.rule, keys: &keys, into: &out, step)
  }

  /// Computes attention on all rows of the step, which see keys that its own scorer chooses or that another layer's has chosen.
  ///
  /// - Parameters:
  ///   - x: the input.
  ///   - rule: the rule of the choice; `nil` where rows see all keys.
  ///   - keys: the chosen keys, `[step rows × rule.mostKeys]`, which its own scorer writes, where it has one, and others read.
  ///   - out: the output.
  ///   - step: the step.
  func mix(
    _ x: Rows, choosing rule: (any KeyRule)?, keys: inout MutableRows, into out: inout MutableRows,
    _ step: borrowing Step
  ) {
    var rows = step.take(rows: x.count, columns: shape.row)
    compression.apply(x, into: &rows, step)
    do {
      var latents = rows.columns(0..<shape.latentDimension)
      norm.applyToHeads(of: &latents, step)
    }
    var queries = step.take(rows: x.count, columns: shape.heads * shape.queryDimension)
    var low = step.take(rows: x.count, columns: shape.queryRank ?? 0)
    project(x, low: &low, into: &queries, step)
    if let rotary {
      var angles = step.take(rows: x.count, columns: rotary.dimension)
      rotary.fillAngles(&angles, step)
      rotary.rotate(&queries, headDimension: shape.queryDimension, from: shape.keyDimension, angles: angles.rows, step)
      rotary.rotate(&rows, headDimension: shape.row, from: shape.latentDimension, angles: angles.rows, step)
    }
    appendToCache(latents: rows.rows, cache: cache, step)
    var values = step.take(rows: x.count, columns: shape.heads * shape.valueDimension)
    if let indexer {
      indexer.append(x, step)
      if indexer.rule.chooses(step) { indexer.choose(x, low: low.rows, into: &keys, step) }
    }
    attend(queries.rows, rule, keys.rows, into: &values, step)
    if let gates {
      var factors = step.take(rows: x.count, columns: gates.outputWidth)
      gates.apply(x, into: &factors, step)
      sigmoidGate(&values, gate: factors.rows, step)
    }
    output.apply(values.rows, into: &out, step)
  }

  private func attend(
    _ queries: Rows, _ rule: (any KeyRule)?, _ keys: Rows, into out: inout MutableRows, _ step: borrowing Step
  ) {
    if let rule, rule.chooses(step) {
      maps.attend(queries: queries, scale: scale, cache: cache, choice: (rule, keys), into: &out, step)
    } else {
      maps.attend(queries: queries, scale: scale, cache: cache, into: &out, step)
    }
  }

  /// Queries, and the vectors of lower rank that they are maps of, where they are.
  private func project(
    _ x: Rows, low: inout MutableRows, into out: inout MutableRows, _ step: borrowing Step
  ) {
    switch queries {
    case .direct(let map): map.apply(x, into: &out, step)
    case .lowRank(let down, let norm, let up):
      down.apply(x, into: &low, step)
      norm.applyToHeads(of: &low, step)
      up.apply(low.rows, into: &out, step)
    }
  }
}
