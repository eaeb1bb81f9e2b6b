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
  ///   - parts: for each map, its rows; they follow each other.
  ///   - input: the width of the input.
  ///   - bias: whether there is a bias.
  init(fused weights: WeightScope, parts: [Range<Int>], input: Int, bias: Bool = false) throws(ModelError) {
    let output = parts.last?.upperBound ?? 0
    self.parts = try weights.matrices("weight", rows: output, columns: input, parts: parts.map { [$0] })
    self.bias = bias ? try weights.vector("bias", count: output) : nil
  }

  /// A map that shares its input with others.
  public struct Part {
    let weights: WeightScope
    let output: Int
    let role: MatrixRole

    /// A map of the tensors of a scope to so many values.
    public init(_ weights: WeightScope, output: Int, role: MatrixRole = .linear) {
      self.weights = weights
      self.output = output
      self.role = role
    }
  }

  /// Reads several maps of one input as one.
  public init(_ parts: [Part], input: Int, bias: Bool = false) throws(ModelError) {
    var matrices: [PackedMatrix] = []
    var biases: [Float] = []
    for part in parts {
      var matrix = try part.weights.matrix("weight", rows: part.output, columns: input, role: part.role, ordering: true)
      // Maps of one input were quantised in one order, each by itself.
      if let order = matrix.columnOrder,
        let same = matrices.lazy.compactMap(\.columnOrder).first(where: { $0.indices == order.indices })
      {
        matrix.columnOrder = same
      }
      matrices.append(matrix)
      if bias { biases += try part.weights.vector("bias", count: part.output) }
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
