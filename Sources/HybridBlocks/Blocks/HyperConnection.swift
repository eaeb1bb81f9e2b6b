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
  public func begin(_ stream: inout MutableRows, _ step: borrowing Step) { copyFirst(&stream, step) }

  /// Adds the lanes of every row up.
  public func end(_ stream: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var factors = step.take(rows: stream.count, columns: count)
    weights.apply(stream, into: &factors, step)
    addLanes(stream, weights: factors.rows, into: &out, step)
  }
}

/// The way in which a block of a residual stream of several lanes reads them, and writes what it makes of that.
protocol LaneConnection: Sendable {
  /// The number of lanes.
  var lanes: Int { get }
  /// The number of factors of a row by which lanes are written.
  var factorCount: Int { get }

  /// Computes the input of a block's mixer, and the factors by which lanes get its output.
  ///
  /// - Parameters:
  ///   - stream: `[step rows × lanes · width]`.
  ///   - x: `[step rows × width]`.
  ///   - factors: `[step rows × factorCount]`.
  ///   - step: the step.
  func read(_ stream: Rows, into x: inout MutableRows, factors: inout MutableRows, _ step: borrowing Step)

  /// Gives the lanes what the mixer made.
  ///
  /// - Parameters:
  ///   - y: `[step rows × width]`.
  ///   - factors: `[step rows × factorCount]`.
  ///   - stream: `[step rows × lanes · width]`.
  ///   - step: the step.
  func write(_ y: Rows, factors: Rows, to stream: inout MutableRows, _ step: borrowing Step)
}

extension LaneConnection {
  /// A weight of each lane.
  var factorCount: Int { lanes }

  /// Adds `weightᵢ · y` to each lane.
  func write(_ y: Rows, factors: Rows, to stream: inout MutableRows, _ step: borrowing Step) {
    addToLanes(y, weights: factors, of: &stream, step)
  }
}

/// A norm of a sum of the lanes, by weights of each row (independent hyper-connections, Hy4): `norm(Σ preⱼ hⱼ)`.
struct SummedLanes: LaneConnection {
  /// Of both kinds: those by which lanes are read, then those by which they are written.
  let weights: LaneWeights
  let norm: any Norm

  var lanes: Int { weights.lanes }

  func read(_ stream: Rows, into x: inout MutableRows, factors: inout MutableRows, _ step: borrowing Step) {
    var both = step.take(rows: stream.count, columns: 2 * lanes)
    weights.apply(stream, into: &both, step)
    var sum = step.take(rows: stream.count, columns: x.columns)
    addLanes(stream, weights: both.rows.columns(0..<lanes), into: &sum, step)
    norm.apply(sum.rows, into: &x, step)
    assign(both.rows.columns(lanes..<2 * lanes), scale: 1, to: &factors, step)
  }
}

/// A block of a residual stream of several lanes (hyper-connections): the mixer sees what a connection makes of the lanes, and
/// every lane gets what the mixer makes of it by another weight, which is the row's own: `hᵢ += postᵢ · mixer(x)`.
public struct LaneBlock: Block {
  /// The mixer of a block.
  enum Content: Sendable {
    case mixer(any Mixer)
    /// Attention over keys that are chosen by the rule of a scorer, its own or that of an earlier layer. The choice stands behind
    /// the lanes.
    case indexed(LatentAttention, any KeyRule)
  }

  let width: Int
  let connection: any LaneConnection
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
  /// The mixer's: what is computed of lanes is small, and computed by every rank for itself.
  public var isDivisible: Bool { mixer.isDivisible }

  /// Computes on all rows of the step.
  ///
  /// - Parameters:
  ///   - h: `[step rows × (lanes · width + others)]`.
  ///   - step: the step.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    let lanes = connection.lanes
    var factors = step.take(rows: h.count, columns: connection.factorCount)
    var x = step.take(rows: h.count, columns: width)
    step.scoped { read(h.rows, into: &x, factors: &factors, step) }
    var y = step.take(rows: h.count, columns: width)
    switch content {
    case .mixer(let mixer): mixer.mix(x.rows, into: &y, step)
    case .indexed(let attention, let rule):
      var keys = h.columns(lanes * width..<lanes * width + rule.mostKeys)
      attention.mix(x.rows, choosing: rule, keys: &keys, into: &y, step)
    }
    sumOverRanks(&y, step)
    var stream = h.columns(0..<lanes * width)
    connection.write(y.rows, factors: factors.rows, to: &stream, step)
  }

  private func read(_ h: Rows, into x: inout MutableRows, factors: inout MutableRows, _ step: borrowing Step) {
    connection.read(h.columns(0..<connection.lanes * width), into: &x, factors: &factors, step)
  }
}

/// Room for what is chosen once and used by several layers.
public struct ChoiceSide: StreamSide {
  /// The number of choices.
  public let columns: Int

  /// Leaves the room as it is: it is written before it is read.
  public func fill(_ out: inout MutableRows, embedded: Rows, _ step: borrowing Step) {}
}
