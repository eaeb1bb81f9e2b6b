internal import InferCore

/// Attention of Inkling 2: queries, keys and values have inputs of their own; keys and values are convolved; heads of queries and
/// keys are held within a length, and those of values are normalised; scores have biases by distance, and every row has a sink
/// for each head; the output is gated by the input of queries.
struct ClippedAttention: Sendable {
  /// The sizes, beside those of attention.
  struct Clips: Sendable {
    /// The greatest length of a head of queries and of keys.
    let heads: Float
    /// The greatest length of the weights of profiles of a head.
    let relative: Float
    /// ε of the norm of values.
    let epsilon: Float
  }

  /// A short convolution of keys or of values.
  private enum Convolution: Sendable {
    case plain(ResidualConvolution)
    case dynamic(DynamicConvolution)

    func withOwnState(_ state: inout StateLayout, stage: Int) -> Self {
      switch self {
      case .plain(let convolution): .plain(convolution.withOwnState(&state, stage: stage))
      case .dynamic(let convolution): .dynamic(convolution.withOwnState(&state, stage: stage))
      }
    }
  }

  /// Of the rank's heads.
  let shape: Attention.Shape
  let clips: Clips
  /// Queries, weights of profiles, sinks and gates.
  private let input: Linear
  /// Keys or values, and behind them the rows' own taps where there are such.
  private let keys: Linear
  private let values: Linear
  private var keyConvolution: Convolution
  private var valueConvolution: Convolution
  private let output: Linear
  private let profiles: DistanceProfiles
  private let profileCount: Int
  /// Factors on queries and on weights of profiles.
  private let queryScale: [Float]
  private let weightScale: [Float]
  private let valueNorm: RMSNorm
  private var cache: StateHandle

  /// Reads the maps and declares the state.
  ///
  /// - Parameters:
  ///   - weights: the scope of the layer's attention.
  ///   - shape: the sizes, with relative positions and convolutions.
  ///   - clips: the lengths that heads are held within.
  ///   - isDynamic: whether taps of convolutions are the rows' own as well.
  ///   - state: the layout that gets the cache and the convolutions' state.
  init(
    _ weights: WeightScope, _ shape: Attention.Shape, clips: Clips, isDynamic: Bool, state: inout StateLayout
  ) throws(ModelError) {
    guard let relative = shape.relative, let taps = shape.convolutionTaps else {
      preconditionFailure("attention without relative positions or convolutions")
    }
    let (size, width) = (shape.headDimension, shape.width)
    let (q, k) = (shape.queryHeads * size, shape.keyHeads * size)
    let part = try shape.part(weights)
    let (own, ownKeys) = (part.heads.columns(size), part.keyHeads.columns(size))
    let positions = weights["relative_position_bias"]
    input = try Linear(
      [
        .init(weights["q_proj"]["linear"], output: q, rows: [own]),
        .init(
          positions["linear"], output: shape.queryHeads * relative.profiles,
          rows: [part.heads.columns(relative.profiles)]),
        .init(weights["sink_proj"], output: shape.queryHeads, rows: [part.heads]),
        .init(weights["o_proj"]["gate_proj"], output: q, rows: [own]),
      ], input: width)
    profiles = DistanceProfiles(
      try positions.floats("proj", shape: [relative.profiles, relative.distances]), count: relative.profiles)
    profileCount = relative.profiles
    queryScale = try weights["q_proj"]["norm"].floats("scale", shape: [shape.queryHeads, size]).parts([own])
    weightScale = try positions["norm"].floats("scale", shape: [shape.queryHeads, relative.profiles])
      .parts([part.heads.columns(relative.profiles)])
    func map(_ name: String, _ role: MatrixRole) throws(ModelError) -> Linear {
      let scope = weights[name]
      let rows = Linear.Part(scope["linear"], output: k, rows: [ownKeys], role: role)
      guard isDynamic else { return try Linear([rows], input: width) }
      return try Linear(
        [rows, DynamicConvolution.taps(scope["sconv"], heads: shape.keyHeads, part: part.keyHeads, taps: taps)],
        input: width)
    }
    keys = try map("k_proj", .linear)
    values = try map("v_proj", .value)
    func convolution(_ name: String, _ state: inout StateLayout) throws(ModelError) -> Convolution {
      let scope = weights[name]["sconv"]
      guard isDynamic else {
        return .plain(
          try ResidualConvolution(
            [.init(weights: scope, channels: k, range: ownKeys)], taps: taps,
            scale: 1 / Float(taps + 1).squareRoot(), state: &state))
      }
      return .dynamic(
        try DynamicConvolution(
          scope, heads: shape.keyHeads, part: part.keyHeads, headDimension: size, taps: taps,
          scale: 1 / Float(2 * taps + 1).squareRoot(), state: &state))
    }
    keyConvolution = try convolution("k_proj", &state)
    valueConvolution = try convolution("v_proj", &state)
    output = try Linear(weights["o_proj"]["linear"], columns: own, of: q, output: width)
    valueNorm = RMSNorm(unweighted: size, epsilon: clips.epsilon)
    self.clips = clips
    self.shape = shape.of(heads: part.heads, keyHeads: part.keyHeads)
    cache = self.shape.cache(&state, stage: weights.stage)
  }

  /// The same attention with a cache and states of its own, which a stage has.
  func withOwnState(_ state: inout StateLayout, stage: Int) -> Self {
    var copy = self
    copy.keyConvolution = keyConvolution.withOwnState(&state, stage: stage)
    copy.valueConvolution = valueConvolution.withOwnState(&state, stage: stage)
    copy.cache = shape.cache(&state, stage: stage)
    return copy
  }

  /// Computes attention on all rows of the step.
  ///
  /// - Parameters:
  ///   - x: the inputs of queries, keys and values, `[step rows × 3 · width]`, or one for all, `[step rows × width]`.
  ///   - out: `[step rows × width]`.
  ///   - step: the step.
  func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let (size, heads) = (shape.headDimension, shape.keyHeads)
    let (q, k, r) = (shape.queryHeads * size, heads * size, shape.queryHeads * profileCount)
    let width = shape.width
    let apart = x.columns > width ? 1 : 0
    var projected = step.take(rows: x.count, columns: input.outputWidth)
    input.apply(x.columns(0..<width), into: &projected, step)
    limit(&projected, 0..<q, queryScale, size, clips.heads, step)
    limit(&projected, q..<q + r, weightScale, profileCount, clips.relative, step)
    var key = step.take(rows: x.count, columns: k)
    convolve(x.columns(apart * width..<(apart + 1) * width), keys, keyConvolution, into: &key, step)
    clipHeads(&key, headDimension: size, to: clips.heads, step)
    var value = step.take(rows: x.count, columns: k)
    convolve(x.columns(2 * apart * width..<(2 * apart + 1) * width), values, valueConvolution, into: &value, step)
    valueNorm.applyToHeads(of: &value, step)
    appendToCache(keys: key.rows, values: value.rows, heads: heads, headDimension: size, cache: cache, step)
    let rows = projected.rows
    let gates = q + r + shape.queryHeads
    var mixed = step.take(rows: x.count, columns: q)
    attend(
      queries: rows.columns(0..<q), queryHeads: shape.queryHeads, heads: heads, headDimension: size,
      scale: 1 / Float(size).squareRoot(), rowSinks: rows.columns(q + r..<gates),
      biases: (profiles, rows.columns(q..<q + r)), cache: cache, into: &mixed, step)
    sigmoidGate(&mixed, gate: rows.columns(gates..<gates + q), step)
    output.apply(mixed.rows, into: &out, step)
  }

  /// Scales heads, holds them within a length, and lets them grow with the position.
  private func limit(
    _ rows: inout MutableRows, _ columns: Range<Int>, _ scale: [Float], _ width: Int, _ length: Float,
    _ step: borrowing Step
  ) {
    var heads = rows.columns(columns)
    scaleColumns(&heads, by: scale, step)
    clipHeads(&heads, headDimension: width, to: length, step)
    if let growth = shape.queryGrowth { scaleByPosition(&heads, growth, step) }
  }

  private func convolve(
    _ x: Rows, _ map: Linear, _ convolution: Convolution, into out: inout MutableRows, _ step: borrowing Step
  ) {
    switch convolution {
    case .plain(let convolution):
      map.apply(x, into: &out, step)
      convolution.apply(to: &out, step)
    case .dynamic(let convolution):
      var mapped = step.take(rows: x.count, columns: map.outputWidth)
      map.apply(x, into: &mapped, step)
      convolution.apply(mapped.rows, into: &out, step)
    }
  }
}
