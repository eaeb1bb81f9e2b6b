public import InferCore

/// `out = x · Wᵀ + b`, with `W` cut into parts that lie apart on disk and stand side by side in the output.
public struct Linear: Sendable {
  let parts: [PackedMatrix]
  let bias: [Float]?
  /// How much of the input is kept where the instruction set splits it.
  var precision = ProductPrecision.usual

  /// A map without bias from matrices that share their input.
  init(_ parts: [PackedMatrix]) {
    self.parts = parts
    bias = nil
  }

  /// Reads `weight`, `[output × input]`, and `bias`, `[output]`.
  public init(
    _ weights: WeightScope, input: Int, output: Int, bias: Bool = false, role: MatrixRole = .linear
  ) throws(ModelError) {
    try self.init([Part(weights, output: output, role: role)], input: input, bias: bias)
  }

  /// Reads maps of one input that stand below each other in one tensor, `weight`, and one vector, `bias`, as one.
  ///
  /// - Parameters:
  ///   - weights: the scope of the tensors.
  ///   - parts: for each map, its rows; of a share of a model, those of the rank.
  ///   - input: the width of the input.
  ///   - output: the number of rows of the tensor.
  ///   - bias: whether there is a bias.
  init(
    fused weights: WeightScope, parts: [[Range<Int>]], input: Int, output: Int, bias: Bool = false
  ) throws(ModelError) {
    self.parts = try weights.matrices("weight", rows: output, columns: input, parts: parts, inProducts: true)
    self.bias = bias ? try weights.vector("bias", count: output).parts(parts.flatMap { $0 }) : nil
  }

  /// Reads the columns of a map's `weight`, `[output × input]`, that belong to the rank's part of the input. The sum of all
  /// ranks' outputs is the map's; the first rank adds the bias.
  ///
  /// - Parameters:
  ///   - weights: the scope of the tensors.
  ///   - columns: the rank's part of the input.
  ///   - input: the width of the whole input.
  ///   - output: the width of the output.
  ///   - bias: whether there is a bias.
  ///   - role: the role of the matrix.
  public init(
    _ weights: WeightScope, columns: Range<Int>, of input: Int, output: Int, bias: Bool = false,
    role: MatrixRole = .linear
  ) throws(ModelError) {
    parts = try weights.matrices(
      "weight", rows: output, columns: input, parts: [[0..<output]], columns: columns, role: role,
      inProducts: true)
    let values = bias ? try weights.vector("bias", count: output) : nil
    self.bias = weights.share.rank == 0 ? values : nil
  }

  /// A map that shares its input with others.
  public struct Part {
    let weights: WeightScope
    let output: Int
    let rows: [Range<Int>]
    let role: MatrixRole

    /// A map of the tensors of a scope to so many values.
    ///
    /// - Parameters:
    ///   - weights: the scope of `weight` and, where there is one, `bias`.
    ///   - output: the width of the output.
    ///   - rows: the values that are wanted, in this order; all unless given.
    ///   - role: the role of the matrix.
    public init(_ weights: WeightScope, output: Int, rows: [Range<Int>]? = nil, role: MatrixRole = .linear) {
      self.weights = weights
      self.output = output
      self.rows = rows ?? [0..<output]
      self.role = role
    }
  }

  /// Reads several maps of one input as one.
  public init(_ parts: [Part], input: Int, bias: Bool = false) throws(ModelError) {
    var matrices: [PackedMatrix] = []
    var biases: [Float] = []
    for part in parts {
      let read = try part.weights.matrices(
        "weight", rows: part.output, columns: input, parts: [part.rows], role: part.role, inProducts: true)
      for var matrix in read {
        // Maps of one input were quantised in one order, each by itself.
        if let order = matrix.columnOrder,
          let same = matrices.lazy.compactMap(\.columnOrder).first(where: { $0.indices == order.indices })
        {
          matrix.columnOrder = same
        }
        matrices.append(matrix)
      }
      if bias { biases += try part.weights.vector("bias", count: part.output).parts(part.rows) }
    }
    self.parts = matrices
    self.bias = bias ? biases : nil
  }

  /// The number of values in a row of the output.
  public var outputWidth: Int { parts.reduce(0) { $0 + $1.rows } }

  /// Maps every row of `x`, `[rows × input]`, to `[rows × outputWidth]`.
  public func apply(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    matmul(x, by: parts, into: &out, precision: precision, step)
    if let bias { addBias(bias, to: &out, step) }
  }
}

extension Array {
  /// The elements of some ranges, one range behind another.
  func parts(_ ranges: [Range<Int>]) -> [Element] { ranges.flatMap { self[$0] } }
}

extension Range<Int> {
  /// The range of columns that elements of a width take.
  func columns(_ width: Int) -> Range<Int> { lowerBound * width..<upperBound * width }

  /// The range of elements of a width that take these columns.
  func elements(_ width: Int) -> Range<Int> { lowerBound / width..<upperBound / width }

  /// The range moved up.
  func moved(by count: Int) -> Range<Int> { lowerBound + count..<upperBound + count }
}
