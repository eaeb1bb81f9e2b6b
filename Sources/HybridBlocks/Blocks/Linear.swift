internal import InferCore

/// `out = x · Wᵀ + b`, with `W` cut into parts that lie apart on disk and stand side by side in the output.
struct Linear: Sendable {
  let parts: [PackedMatrix]
  let bias: [Float]?

  /// A map without bias from matrices that share their input.
  init(_ parts: [PackedMatrix]) {
    self.parts = parts
    bias = nil
  }

  /// Reads `weight`, `[output × input]`, and `bias`, `[output]`.
  init(
    _ weights: WeightScope, input: Int, output: Int, bias: Bool = false, role: MatrixRole = .linear
  ) throws(ModelError) {
    try self.init([Part(weights, output: output, role: role)], input: input, bias: bias)
  }

  /// A map that shares its input with others.
  struct Part {
    let weights: WeightScope
    let output: Int
    let role: MatrixRole

    init(_ weights: WeightScope, output: Int, role: MatrixRole = .linear) {
      self.weights = weights
      self.output = output
      self.role = role
    }
  }

  /// Reads several maps of one input as one.
  init(_ parts: [Part], input: Int, bias: Bool = false) throws(ModelError) {
    var matrices: [PackedMatrix] = []
    var biases: [Float] = []
    for part in parts {
      matrices.append(try part.weights.matrix("weight", rows: part.output, columns: input, role: part.role))
      if bias { biases += try part.weights.vector("bias", count: part.output) }
    }
    self.parts = matrices
    self.bias = bias ? biases : nil
  }

  var outputWidth: Int { parts.reduce(0) { $0 + $1.rows } }

  func apply(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    matmul(x, by: parts, into: &out, step)
    if let bias { addBias(bias, to: &out, step) }
  }
}
