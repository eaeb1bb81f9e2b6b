internal import InferCore

/// `out = x · Wᵀ + b`, with `W` cut into parts that lie apart on disk and stand side by side in the output.
struct Linear: Sendable {
  let parts: [Matrix]
  let bias: [Float]?

  /// A map without bias from matrices that share their input.
  init(_ parts: [Matrix]) {
    self.parts = parts
    bias = nil
  }

  /// Reads `weight`, `[output × input]`, and `bias`, `[output]`.
  init(_ weights: WeightScope, input: Int, output: Int, bias: Bool = false) throws(ModelError) {
    try self.init([weights], input: input, outputs: [output], bias: bias)
  }

  /// Reads several maps of one input as one.
  init(_ weights: [WeightScope], input: Int, outputs: [Int], bias: Bool = false) throws(ModelError) {
    precondition(weights.count == outputs.count, "\(weights.count) scopes for \(outputs.count) widths")
    var parts: [Matrix] = []
    var biases: [Float] = []
    for (scope, output) in zip(weights, outputs) {
      parts.append(try scope.matrix("weight", rows: output, columns: input))
      if bias { biases += try scope.vector("bias", count: output) }
    }
    self.parts = parts
    self.bias = bias ? biases : nil
  }

  var outputWidth: Int { parts.reduce(0) { $0 + $1.rows } }

  func apply(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    multiply(x, by: parts, into: &out, step)
    if let bias { addBias(bias, to: &out, step) }
  }
}
