public import InferCore

/// Lanes of which a layer computes one and predicts the others (alternating updates: Baykal et al. 2023, arXiv 2301.13310).
/// They begin as maps of the first and end as the mean of maps of all, each as large as the first.
public struct AlternatingLanes: StreamLanes {
  /// Of the first lane to each of the others.
  let projections: [Linear]
  /// Of each of the others to the space of the first.
  let returns: [Linear]
  /// The least mean square by which a lane's is divided.
  private static let leastSquare: Float = 1e-5

  /// Reads `altup_projections.N` and `altup_unembed_projections.N`, `[width × width]` each.
  init(_ weights: WeightScope, lanes: Int, width: Int) throws(ModelError) {
    var (projections, returns): ([Linear], [Linear]) = ([], [])
    for lane in 0..<lanes - 1 {
      projections.append(try Linear(weights["altup_projections"][lane], input: width, output: width))
      returns.append(try Linear(weights["altup_unembed_projections"][lane], input: width, output: width))
    }
    self.projections = projections
    self.returns = returns
  }

  /// The number of lanes.
  public var count: Int { projections.count + 1 }

  /// Maps the first lane to the others.
  public func begin(_ stream: inout MutableRows, _ step: borrowing Step) {
    let width = stream.columns / count
    for (index, projection) in projections.enumerated() {
      var lane = step.take(rows: stream.count, columns: width)
      projection.apply(stream.rows.columns(0..<width), into: &lane, step)
      matchMagnitude(&lane, of: stream.rows.columns(0..<width), least: Self.leastSquare, step)
      var target = stream.columns((index + 1) * width..<(index + 2) * width)
      assign(lane.rows, scale: 1, to: &target, step)
    }
  }

  /// The mean of the lanes.
  public func end(_ stream: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let (width, share) = (out.columns, 1 / Float(count))
    let first = stream.columns(0..<width)
    assign(first, scale: share, to: &out, step)
    for (index, map) in returns.enumerated() {
      var lane = step.take(rows: stream.count, columns: width)
      map.apply(stream.columns((index + 1) * width..<(index + 2) * width), into: &lane, step)
      matchMagnitude(&lane, of: first, least: Self.leastSquare, step)
      add(lane.rows, scale: share, to: &out, step)
    }
  }
}

/// A layer of a stream whose lanes are updated in turn: every lane is predicted as a sum of all, blocks compute the active one,
/// and all lanes are corrected by how far its prediction was off. The weights of sums and corrections are the row's own.
public struct AlternatingUpdate: Block {
  let lanes: Int
  let width: Int
  /// The lane that is computed.
  let active: Int
  let norm: RMSNorm
  /// To a number for each lane.
  let router: Linear
  /// Of those to the weights of each lane's sum, and of each lane's correction.
  let coefficients: (prediction: Linear, correction: Linear)
  /// Added to the weights of corrections.
  let ones: [Float]
  let blocks: [any Block]

  /// Reads `router_norm`, `modality_router`, `[lanes × width]`, `prediction_coefs`, `[lanes² × lanes]`, and
  /// `correction_coefs`, `[lanes × lanes]`.
  ///
  /// - Parameters:
  ///   - weights: the scope of the layer's updates.
  ///   - lanes: the number of lanes.
  ///   - width: the width of one.
  ///   - active: the lane that is computed.
  ///   - epsilon: ε of the norm.
  ///   - blocks: what computes it.
  init(
    _ weights: WeightScope, lanes: Int, width: Int, active: Int, epsilon: Float, _ blocks: [any Block]
  ) throws(ModelError) {
    self.lanes = lanes
    self.width = width
    self.active = active
    self.blocks = blocks
    ones = Array(repeating: 1, count: lanes)
    norm = try RMSNorm(weights["router_norm"], width: width, epsilon: epsilon).scaled(by: 1 / Float(width))
    router = try Linear(weights["modality_router"], input: width, output: lanes, role: .exact)
    coefficients = (
      try Linear(weights["prediction_coefs"], input: lanes, output: lanes * lanes, role: .exact),
      try Linear(weights["correction_coefs"], input: lanes, output: lanes, role: .exact)
    )
  }

  /// That of the first block.
  public var letter: Character { blocks[0].letter }
  /// Those of all blocks.
  public var letters: String { blocks.map(\.letters).joined() }
  /// That of all blocks.
  public var idleParameterCount: Int { blocks.reduce(0) { $0 + $1.idleParameterCount } }
  /// Whether all blocks are.
  public var isDivisible: Bool { blocks.allSatisfy(\.isDivisible) }

  /// Computes on the lanes of all rows.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    let lane = active * width..<(active + 1) * width
    var routes = step.take(rows: h.count, columns: lanes)
    route(h.rows.columns(lane), into: &routes, step)
    var weights = step.take(rows: h.count, columns: lanes * lanes)
    coefficients.prediction.apply(routes.rows, into: &weights, step)
    var sums = step.take(rows: h.count, columns: lanes * width)
    for lane in 0..<lanes {
      var sum = sums.columns(lane * width..<(lane + 1) * width)
      addLanes(h.rows, weights: weights.rows.columns(lane * lanes..<(lane + 1) * lanes), into: &sum, step)
    }
    add(sums.rows, to: &h, step)
    var computed = step.take(rows: h.count, columns: width)
    assign(h.rows.columns(lane), scale: 1, to: &computed, step)
    for block in blocks { step.scoped { block.apply(to: &computed, step) } }
    route(computed.rows, into: &routes, step)
    var corrections = step.take(rows: h.count, columns: lanes)
    coefficients.correction.apply(routes.rows, into: &corrections, step)
    addBias(ones, to: &corrections, step)
    add(h.rows.columns(lane), scale: -1, to: &computed, step)
    addToLanes(computed.rows, weights: corrections.rows, of: &h, step)
  }

  /// A number between −1 and 1 for each lane.
  private func route(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var normed = step.take(rows: x.count, columns: width)
    norm.apply(x, into: &normed, step)
    router.apply(normed.rows, into: &out, step)
    softCap(&out, 1, step)
  }
}

/// A residual block with a second way around its mixer (learned augmented residual layers: Menghani et al. 2024,
/// arXiv 2411.07501): `h = (h + norm₂(mixer(x)) + x + norm₃(R L x)) / √2` with `x = norm(h)`.
public struct AugmentedResidualBlock: Block {
  let norm: RMSNorm
  let mixer: any Mixer
  let outputNorm: RMSNorm
  /// L and R, and the norm behind them.
  let around: (left: Linear, right: Linear, norm: RMSNorm)

  /// Reads the norms `input_layernorm` and `post_attention_layernorm`, and `laurel`: `linear_left`, `[rank × width]`,
  /// `linear_right`, `[width × rank]`, and `post_laurel_norm`.
  init(
    _ weights: WeightScope, width: Int, rank: Int, epsilon: Float, _ mixer: any Mixer
  ) throws(ModelError) {
    self.mixer = mixer
    norm = try RMSNorm(weights["input_layernorm"], width: width, epsilon: epsilon)
    outputNorm = try RMSNorm(weights["post_attention_layernorm"], width: width, epsilon: epsilon)
    let low = weights["laurel"]
    around = (
      try Linear(low["linear_left"], input: width, output: rank),
      try Linear(low["linear_right"], input: rank, output: width),
      try RMSNorm(low["post_laurel_norm"], width: width, epsilon: epsilon)
    )
  }

  /// The mixer's.
  public var letter: Character { mixer.letter }
  /// The mixer's.
  public var idleParameterCount: Int { mixer.idleParameterCount }
  /// The mixer's: the way around is small, and computed by every rank for itself.
  public var isDivisible: Bool { mixer.isDivisible }

  /// Computes on all rows of the step.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    var x = step.take(rows: h.count, columns: h.columns)
    norm.apply(h.rows, into: &x, step)
    var y = step.take(rows: h.count, columns: h.columns)
    mixer.mix(x.rows, into: &y, step)
    sumOverRanks(&y, step)
    outputNorm.applyToHeads(of: &y, step)
    add(y.rows, to: &h, step)
    var low = step.take(rows: h.count, columns: around.left.outputWidth)
    around.left.apply(x.rows, into: &low, step)
    around.right.apply(low.rows, into: &y, step)
    around.norm.applyToHeads(of: &y, step)
    add(y.rows, to: &x, step)
    add(x.rows, to: &h, step)
    scale(&h, by: Float(0.5).squareRoot(), step)
  }
}
