public import InferCore

/// Names on disk of the matrices of a gated network.
public struct GatedNames: Sendable {
  /// The matrix whose output is activated.
  public let gate: String
  /// The matrix that is gated.
  public let up: String
  /// The way back.
  public let down: String
  /// The first two as one matrix, where there is one: the rows of the gate above those of up.
  public let fused: String

  /// Names of a checkpoint.
  public init(gate: String, up: String, down: String, fused: String = "gate_up_proj") {
    self.gate = gate
    self.up = up
    self.down = down
    self.fused = fused
  }

  /// The names in most checkpoints.
  public static let projections = GatedNames(gate: "gate_proj", up: "up_proj", down: "down_proj")
  /// The names in Llama's own files, which Mixtral and LFM2 kept.
  public static let numbered = GatedNames(gate: "w1", up: "w3", down: "w2")
}

/// A feed-forward network: gated by one of several functions, or ReLU² without a gate.
public struct FeedForward: Mixer {
  /// The function between the two maps, as experts have it.
  public typealias Activation = Experts.Activation

  /// Gate and up side by side, or up alone.
  let first: Linear
  let second: Linear
  let activation: Activation
  /// Factor on the gate before its activation (Falcon-H1).
  public var gateScale: Float = 1
  /// Whether the maps are those of the rank's part of the columns between them.
  private var isPart = false
  /// Added to the output of the first map, of which it has one part, the rank's columns.
  public var adapter: LowRankAdapter?

  /// A network of its two maps.
  ///
  /// - Parameters:
  ///   - first: from the residual stream to `[gate | up]`, or without a gate to up alone.
  ///   - second: back.
  ///   - activation: the function between them.
  public init(first: Linear, second: Linear, activation: Activation) {
    self.first = first
    self.second = second
    self.activation = activation
  }

  /// Reads a SwiGLU network; see ``gated(_:_:width:hidden:bias:names:)``.
  public static func swiGLU(
    _ weights: WeightScope, width: Int, hidden: Int, bias: Bool = false, names: GatedNames = .projections
  ) throws(ModelError) -> Self {
    try gated(weights, .siluGated, width: width, hidden: hidden, bias: bias, names: names)
  }

  /// Reads a gated network, whose gate and up may be one tensor.
  ///
  /// - Parameters:
  ///   - weights: the scope of the network.
  ///   - activation: the function between the two maps, one with a gate.
  ///   - width: the width of the residual stream.
  ///   - hidden: the inner width.
  ///   - bias: whether all maps have biases.
  ///   - names: the names of the matrices.
  public static func gated(
    _ weights: WeightScope, _ activation: Activation, width: Int, hidden: Int, bias: Bool = false,
    names: GatedNames = .projections
  ) throws(ModelError) -> Self {
    let part = try part(of: hidden, weights)
    let first =
      weights.has("\(names.fused).weight")
      ? try Linear(
        fused: weights[names.fused], parts: [[part, part.moved(by: hidden)]], input: width, output: 2 * hidden,
        bias: bias)
      : try Linear(
        [names.gate, names.up].map { .init(weights[$0], output: hidden, rows: [part]) }, input: width, bias: bias)
    return try FeedForward(first, weights[names.down], part, width: width, hidden: hidden, bias: bias, activation)
  }

  /// Reads a ReLU² network of two maps.
  ///
  /// - Parameters:
  ///   - weights: the scope of the network.
  ///   - width: the width of the residual stream.
  ///   - hidden: the inner width.
  ///   - bias: whether both maps have biases.
  ///   - up: the name of the first map.
  ///   - down: the name of the map back.
  public static func reluSquared(
    _ weights: WeightScope, width: Int, hidden: Int, bias: Bool = false, up: String = "up_proj",
    down: String = "down_proj"
  ) throws(ModelError) -> Self {
    let part = try part(of: hidden, weights)
    let first = try Linear([.init(weights[up], output: hidden, rows: [part])], input: width, bias: bias)
    return try FeedForward(first, weights[down], part, width: width, hidden: hidden, bias: bias, .reluSquared)
  }

  /// The columns between the maps that the rank computes.
  static func part(of hidden: Int, _ weights: WeightScope) throws(ModelError) -> Range<Int> {
    guard let part = weights.share.columns(of: hidden) else {
      throw weights.indivisible("\(hidden) inner columns cannot be dealt out to \(weights.share.count) ranks")
    }
    return part
  }

  /// A network of the rank's part of the columns between the maps.
  private init(
    _ first: Linear, _ down: WeightScope, _ part: Range<Int>, width: Int, hidden: Int, bias: Bool,
    _ activation: Activation
  ) throws(ModelError) {
    self.init(
      first: first,
      second: try Linear(down, columns: part, of: hidden, output: width, bias: bias, role: .down),
      activation: activation)
    isPart = true
  }

  /// `true` where it was read by its width, and not put together from maps.
  public var isDivisible: Bool { isPart }

  /// `F`
  public var letter: Character { "F" }

  /// Computes the network on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var inner = step.take(rows: x.count, columns: first.outputWidth)
    first.apply(x, into: &inner, step)
    adapter?.add(x, to: &inner, step)
    guard activation != .reluSquared else {
      InferCore.reluSquared(&inner, step)
      return second.apply(inner.rows, into: &out, step)
    }
    let width = first.outputWidth / 2
    if gateScale != 1 {
      var gate = inner.columns(0..<width)
      scale(&gate, by: gateScale, step)
    }
    var hidden = step.take(rows: x.count, columns: width)
    activateGated(inner.rows, activation, into: &hidden, step)
    second.apply(hidden.rows, into: &out, step)
  }
}
