public import InferCore

/// The weights by which a residual stream of several lanes is read and written (hyper-connections: Zhu et al. 2024,
/// arXiv 2409.19606), of each row: sigmoids of a map of all lanes after a norm without weights, each with a factor and a bias.
struct LaneWeights: Sendable {
  /// The number of lanes.
  let lanes: Int
  /// To the logits of the weights of one or more kinds, of each kind one a lane.
  let map: Linear
  let norm: RMSNorm
  /// Of each logit.
  let scale: [Float]
  let base: [Float]
  /// Of each weight, behind the sigmoid.
  let magnitude: [Float]
  let epsilon: [Float]

  /// Reads `fn`, `[kinds · lanes × lanes · width]`, `base`, `[kinds · lanes]`, and `scale`, `[kinds]`.
  ///
  /// - Parameters:
  ///   - weights: the scope of the tensors.
  ///   - names: their names.
  ///   - lanes: the number of lanes.
  ///   - width: the width of a lane.
  ///   - magnitudes: the factor on the weights of each kind.
  ///   - epsilon: what is added to every weight, and ε of the norm.
  init(
    _ weights: WeightScope, names: (map: String, base: String, scale: String), lanes: Int, width: Int,
    magnitudes: [Float], epsilon: (weights: Float, norm: Float)
  ) throws(ModelError) {
    let count = magnitudes.count * lanes
    func each(_ values: [Float]) -> [Float] { values.flatMap { Array(repeating: $0, count: lanes) } }
    self.lanes = lanes
    map = Linear([try weights.matrix(names.map, rows: count, columns: lanes * width, role: .exact)])
    base = try weights.vector(names.base, count: count)
    scale = each(try weights.vector(names.scale, count: magnitudes.count))
    magnitude = each(magnitudes)
    self.epsilon = Array(repeating: epsilon.weights, count: count)
    norm = RMSNorm(unweighted: lanes * width, epsilon: epsilon.norm)
  }

  /// Computes the weights of every row of `lanes`, `[rows × lanes · width]`.
  func apply(_ stream: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var normed = step.take(rows: stream.count, columns: stream.columns)
    norm.apply(stream, into: &normed, step)
    map.apply(normed.rows, into: &out, step)
    scaleColumns(&out, by: scale, step)
    addBias(base, to: &out, step)
    sigmoid(&out, step)
    scaleColumns(&out, by: magnitude, step)
    addBias(epsilon, to: &out, step)
  }
}

/// Lanes that begin alike and end as their sum, by weights of each row.
public struct LaneSum: StreamLanes {
  let weights: LaneWeights

  /// The number of lanes.
  public var count: Int { weights.lanes }

  /// Copies the first lane.
  public func begin(_ stream: inout MutableRows, _ step: borrowing Step) {
    let width = stream.columns / count
    var first = step.take(rows: stream.count, columns: width)
    assign(stream.rows.columns(0..<width), scale: 1, to: &first, step)
    for lane in 1..<count {
      var target = stream.columns(lane * width..<(lane + 1) * width)
      assign(first.rows, scale: 1, to: &target, step)
    }
  }

  /// Adds the lanes of every row up.
  public func end(_ stream: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var factors = step.take(rows: stream.count, columns: count)
    weights.apply(stream, into: &factors, step)
    addLanes(stream, weights: factors.rows, into: &out, step)
  }
}

/// A block of a residual stream of several lanes, each of which is a stream of its own (independent hyper-connections, Hy4):
/// the norm and the mixer see a weighted sum of the lanes, and every lane gets what the mixer makes of it by another weight:
/// `hᵢ += postᵢ · mixer(norm(Σ preⱼ hⱼ))`. The weights are the row's own.
public struct LaneBlock: Block {
  /// The mixer of a block.
  enum Content: Sendable {
    case mixer(any Mixer)
    /// Attention over keys that are chosen by the rule of a scorer, its own or that of an earlier layer. The choice stands behind
    /// the lanes.
    case indexed(LatentAttention, KeySelection)
  }

  let width: Int
  /// Of both kinds: those by which lanes are read, then those by which they are written.
  let weights: LaneWeights
  let norm: any Norm
  let content: Content

  private var mixer: any Mixer {
    switch content {
    case .mixer(let mixer): mixer
    case .indexed(let attention, _): attention
    }
  }

  /// The mixer's.
  public var letter: Character { mixer.letter }
  /// The mixer's.
  public var idleParameterCount: Int { mixer.idleParameterCount }
  /// The mixer's.
  public var isDivisible: Bool { mixer.isDivisible }

  /// Computes on all rows of the step.
  ///
  /// - Parameters:
  ///   - h: `[step rows × (lanes · width + others)]`.
  ///   - step: the step.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    let lanes = weights.lanes
    var factors = step.take(rows: h.count, columns: 2 * lanes)
    weights.apply(h.rows.columns(0..<lanes * width), into: &factors, step)
    var sum = step.take(rows: h.count, columns: width)
    addLanes(h.rows.columns(0..<lanes * width), weights: factors.rows.columns(0..<lanes), into: &sum, step)
    var x = step.take(rows: h.count, columns: width)
    norm.apply(sum.rows, into: &x, step)
    var y = step.take(rows: h.count, columns: width)
    switch content {
    case .mixer(let mixer): mixer.mix(x.rows, into: &y, step)
    case .indexed(let attention, let rule):
      var keys = h.columns(lanes * width..<lanes * width + rule.count)
      attention.mix(x.rows, choosing: rule, keys: &keys, into: &y, step)
    }
    sumOverRanks(&y, step)
    var stream = h.columns(0..<lanes * width)
    addToLanes(y.rows, weights: factors.rows.columns(lanes..<2 * lanes), of: &stream, step)
  }
}

/// Room for what is chosen once and used by several layers.
public struct ChoiceSide: StreamSide {
  /// The number of choices.
  public let columns: Int

  /// Leaves the room as it is: it is written before it is read.
  public func fill(_ out: inout MutableRows, embedded: Rows, _ step: borrowing Step) {}
}
