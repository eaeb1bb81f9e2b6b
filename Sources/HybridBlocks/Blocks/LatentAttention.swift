internal import InferCore

/// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, §2.1): the keys and values of all heads are linear maps of
/// one latent vector a token. The cache holds that vector, with one key for positions that all heads share behind it.
///
/// The maps are absorbed: a query goes through its head's key map once, and then meets latent vectors themselves; their
/// weighted sum goes through the head's value map (same paper, end of §2.1.2).
struct LatentAttention: Mixer {
  /// The sizes of a mixer.
  struct Shape: Sendable {
    /// Width of the residual stream.
    let width: Int
    let heads: Int
    /// Rank of the map to queries, `q_lora_rank`; `nil` where it is one matrix.
    let queryRank: Int?
    /// Elements of the latent vector, `kv_lora_rank`.
    let latent: Int
    /// Elements of a head's key that come from the latent vector, `qk_nope_head_dim`.
    let plain: Int
    /// Elements of the shared key, `qk_rope_head_dim`.
    let shared: Int
    /// Elements of a head's value, `v_head_dim`.
    let value: Int
    /// Whether the maps from and to the residual stream have biases, but for a map to queries of full rank.
    var bias = false
    /// ε of the norms of latent vectors, which no configuration gives.
    var epsilon: Float = 1e-6

    /// Elements of a query.
    var query: Int { plain + shared }
    /// Elements of a cached row.
    var row: Int { latent + shared }
  }

  /// From the residual stream to queries, through a normalised vector of lower rank or directly.
  private enum Queries: Sendable {
    case direct(Linear)
    case lowRank(down: Linear, norm: RMSNorm, up: Linear)
  }

  let shape: Shape
  private let queries: Queries
  let compression: Linear
  let norm: RMSNorm
  let keyMaps: [PackedMatrix]
  let valueMaps: [PackedMatrix]
  let output: Linear
  let rotary: RotaryEmbedding?
  let scale: Float
  let cache: StateHandle

  /// Reads `q_proj`, or `q_a_proj`, `q_a_layernorm` and `q_b_proj`; `kv_a_proj_with_mqa` and `kv_a_layernorm`; of each
  /// head the map to keys, transposed, `k_b_proj`, `[heads × latent × keys]`, and the map to values, `v_b_proj`,
  /// `[heads × values × latent]`; and `o_proj`. Declares the layer's cache.
  ///
  /// - Parameters:
  ///   - rotary: positions of the shared key and the part of queries that meets it; `nil` for none.
  ///   - scale: factor on the scores; by default `1 / √query`.
  init(
    _ weights: WeightScope, _ shape: Shape, rotary: RotaryEmbedding?, scale: Float? = nil, state: inout StateLayout
  ) throws(ModelError) {
    precondition(rotary.map { $0.dimension == shape.shared } ?? true, "rotation of other than \(shape.shared) elements")
    self.shape = shape
    queries = try Self.queries(weights, shape)
    compression = try Linear(
      weights["kv_a_proj_with_mqa"], input: shape.width, output: shape.row, bias: shape.bias)
    norm = try RMSNorm(weights["kv_a_layernorm"], width: shape.latent, epsilon: shape.epsilon)
    keyMaps = try weights["k_b_proj"].matrices(
      "weight", count: shape.heads, rows: shape.latent, columns: shape.plain, role: .stored)
    valueMaps = try weights["v_b_proj"].matrices(
      "weight", count: shape.heads, rows: shape.value, columns: shape.latent, role: .stored)
    output = try Linear(
      weights["o_proj"], input: shape.heads * shape.value, output: shape.width, bias: shape.bias)
    self.rotary = rotary
    self.scale = scale ?? 1 / Float(shape.query).squareRoot()
    cache = state.add(.latent(dimension: shape.row))
  }

  private static func queries(_ weights: WeightScope, _ shape: Shape) throws(ModelError) -> Queries {
    let width = shape.heads * shape.query
    guard let rank = shape.queryRank else {
      return .direct(try Linear(weights["q_proj"], input: shape.width, output: width))
    }
    return .lowRank(
      down: try Linear(weights["q_a_proj"], input: shape.width, output: rank, bias: shape.bias),
      norm: try RMSNorm(weights["q_a_layernorm"], width: rank, epsilon: shape.epsilon),
      up: try Linear(weights["q_b_proj"], input: rank, output: width))
  }

  var letter: Character { "A" }

  func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var rows = step.take(rows: x.count, columns: shape.row)
    compression.apply(x, into: &rows, step)
    do {
      var latents = rows.columns(0..<shape.latent)
      norm.applyToHeads(of: &latents, step)
    }
    var queries = step.take(rows: x.count, columns: shape.heads * shape.query)
    project(x, into: &queries, step)
    if let rotary {
      var angles = step.take(rows: x.count, columns: rotary.dimension)
      rotary.fillAngles(&angles, step)
      rotary.rotate(&queries, headDimension: shape.query, from: shape.plain, angles: angles.rows, step)
      rotary.rotate(&rows, headDimension: shape.row, from: shape.latent, angles: angles.rows, step)
    }
    appendToCache(latents: rows.rows, cache: cache, step)
    var absorbed = step.take(rows: x.count, columns: shape.heads * shape.row)
    matmulHeads(queries.rows, every: shape.query, by: keyMaps, into: &absorbed, every: shape.row, step)
    copyHeads(
      queries.rows, every: shape.query, columns: shape.plain..<shape.query, into: &absorbed, every: shape.row,
      at: shape.latent, step)
    var mixed = step.take(rows: x.count, columns: shape.heads * shape.latent)
    attendToLatents(
      queries: absorbed.rows, queryHeads: shape.heads, scale: scale, cache: cache, into: &mixed, step)
    var values = step.take(rows: x.count, columns: shape.heads * shape.value)
    matmulHeads(mixed.rows, every: shape.latent, by: valueMaps, into: &values, every: shape.value, step)
    output.apply(values.rows, into: &out, step)
  }

  private func project(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    switch queries {
    case .direct(let map): map.apply(x, into: &out, step)
    case .lowRank(let down, let norm, let up):
      var low = step.take(rows: x.count, columns: down.outputWidth)
      down.apply(x, into: &low, step)
      norm.applyToHeads(of: &low, step)
      up.apply(low.rows, into: &out, step)
    }
  }
}
