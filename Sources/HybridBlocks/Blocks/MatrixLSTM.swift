public import InferCore

/// The mLSTM of xLSTM (Beck et al. 2024, arXiv 2405.04517, §2.3; 2503.13427): a matrix memory of each head with an exponential
/// input gate and a sigmoid forget gate; a layer norm of each head, times the sigmoid of a gate; projection back.
public struct MatrixLSTM: Mixer {
  /// The sizes of a mixer.
  public struct Shape: Sendable {
    /// Width of the residual stream.
    public let width: Int
    /// Heads.
    public private(set) var heads: Int
    /// The width of a query and of a key.
    public let keyDimension: Int
    /// The width of a value.
    public let valueDimension: Int
    /// The bound that gates are held within before their functions.
    public let gateCap: Float
    /// Whether the maps and the norm have biases; those to gates always have.
    public var bias = false

    /// The sizes of a mixer.
    public init(width: Int, heads: Int, keyDimension: Int, valueDimension: Int, gateCap: Float, bias: Bool = false) {
      self.width = width
      self.heads = heads
      self.keyDimension = keyDimension
      self.valueDimension = valueDimension
      self.gateCap = gateCap
      self.bias = bias
    }

    /// The shape of so many heads.
    func of(heads: Int) -> Shape {
      var part = self
      part.heads = heads
      return part
    }
  }

  /// Of the rank's heads.
  let shape: Shape
  /// Queries, keys, values and output gates side by side.
  let input: Linear
  /// Input gates, then forget gates.
  let gates: Linear
  let memory: MatrixMemoryShape
  let scan: ScanParameters
  let norm: (weight: [Float], bias: [Float]?, epsilon: Float)
  /// ε of the memory's normaliser.
  let epsilon: Float
  let output: Linear
  let state: StateHandle
  let scale: StateHandle

  /// Reads `q`, `k`, `v` and `ogate_preact`, or these as one, `qkv_opreact`; `igate_preact` and `fgate_preact`, or these as
  /// one, `ifgate_preact`; `multihead_norm`, `[heads · valueDimension]`, and `out_proj`. Declares the layer's state.
  ///
  /// - Parameters:
  ///   - weights: the scope of the layer's mixer.
  ///   - shape: the sizes.
  ///   - epsilon: ε of the memory's normaliser, and of the norm.
  ///   - layout: the layout that gets the state.
  public init(
    _ weights: WeightScope, _ shape: Shape, epsilon: (memory: Float, norm: Float), state layout: inout StateLayout
  ) throws(ModelError) {
    let (keys, values) = (shape.heads * shape.keyDimension, shape.heads * shape.valueDimension)
    let ownValues = try weights.part(ofChannels: values, headDimension: shape.valueDimension)
    let heads = ownValues.elements(shape.valueDimension)
    let ownKeys = heads.columns(shape.keyDimension)
    self.shape = shape.of(heads: heads.count)
    if weights.has("qkv_opreact.weight") {
      let parts = [
        ownKeys, ownKeys.moved(by: keys), ownValues.moved(by: 2 * keys), ownValues.moved(by: 2 * keys + values),
      ]
      input = try Linear(
        fused: weights["qkv_opreact"], parts: parts.map { [$0] }, input: shape.width, output: 2 * (keys + values),
        bias: shape.bias)
    } else {
      input = try Linear(
        ["q", "k"].map { .init(weights[$0], output: keys, rows: [ownKeys]) }
          + ["v", "ogate_preact"].map { .init(weights[$0], output: values, rows: [ownValues]) },
        input: shape.width, bias: shape.bias)
    }
    if weights.has("ifgate_preact.weight") {
      let rows = [heads, heads.moved(by: shape.heads)]
      gates = try Linear(
        [.init(weights["ifgate_preact"], output: 2 * shape.heads, rows: rows, role: .exact)], input: shape.width,
        bias: true)
    } else {
      gates = try Linear(
        ["igate_preact", "fgate_preact"].map {
          .init(weights[$0], output: shape.heads, rows: [heads], role: .exact)
        }, input: shape.width, bias: true)
    }
    memory = MatrixMemoryShape(
      heads: heads.count, keyDimension: shape.keyDimension, valueDimension: shape.valueDimension)
    scan = memory.scan
    self.epsilon = epsilon.memory
    norm = (
      weight: try weights.vector("multihead_norm.weight", count: values).parts([ownValues]),
      bias: shape.bias ? try weights.vector("multihead_norm.bias", count: values).parts([ownValues]) : nil,
      epsilon: epsilon.norm
    )
    output = try Linear(
      weights["out_proj"], columns: ownValues, of: values, output: shape.width, bias: shape.bias)
    state = layout.add(.recurrent(count: scan.stateCount), stage: weights.stage)
    scale = layout.add(.recurrent(count: heads.count), stage: weights.stage)
  }

  /// `true`: by heads, whose state stays with them.
  public var isDivisible: Bool { true }

  /// `X`
  public var letter: Character { "X" }

  /// Computes the mixer on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let (keys, values) = (shape.heads * shape.keyDimension, shape.heads * shape.valueDimension)
    var projected = step.take(rows: x.count, columns: input.outputWidth)
    input.apply(x, into: &projected, step)
    do {
      var queries = projected.columns(0..<keys)
      InferCore.scale(&queries, by: 1 / Float(shape.keyDimension).squareRoot(), step)
    }
    var gate = step.take(rows: x.count, columns: 2 * shape.heads)
    gates.apply(x, into: &gate, step)
    softCap(&gate, shape.gateCap, step)
    let rows = projected.rows
    var y = step.take(rows: x.count, columns: values)
    matrixMemory(
      q: rows.columns(0..<keys), k: rows.columns(keys..<2 * keys), v: rows.columns(2 * keys..<2 * keys + values),
      gates: gate.rows, memory, scan, epsilon: epsilon, memory: state, scale: scale, into: &y, step)
    layerNormHeads(&y, every: shape.valueDimension, weight: norm.weight, bias: norm.bias, epsilon: norm.epsilon, step)
    sigmoidGate(&y, gate: rows.columns(2 * keys + values..<2 * keys + 2 * values), step)
    output.apply(y.rows, into: &out, step)
  }
}
