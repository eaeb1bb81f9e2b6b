internal import CKernels

/// Root-mean-square norm: each row is divided by its root mean square, then multiplied by the weights (Zhang & Sennrich
/// 2019, arXiv 1910.07467, eq. 4).
package func rmsNorm(
  _ x: Rows, weight: [Float], epsilon: Float, into out: inout MutableRows, _ step: borrowing Step
) {
  precondition(x.columns == weight.count && out.columns == x.columns && out.count == x.count, "norm of \(x.columns)")
  unsafe weight.withUnsafeBufferPointer { weight in
    unsafe forEachRow(x.count, step) { row in
      unsafe ck_rms_norm(
        out.base + row * out.stride, x.base + row * x.stride, weight.baseAddress, epsilon, x.columns)
    }
  }
}

/// Layer norm: each row less its mean is divided by its standard deviation, then multiplied by the weights, and a bias is
/// added where there is one (Ba et al. 2016, arXiv 1607.06450, eq. 3).
package func layerNorm(
  _ x: Rows, weight: [Float], bias: [Float]?, epsilon: Float, into out: inout MutableRows, _ step: borrowing Step
) {
  precondition(x.columns == weight.count && out.columns == x.columns && out.count == x.count, "norm of \(x.columns)")
  precondition(bias.map { $0.count == weight.count } ?? true, "bias of \(bias?.count ?? 0) for \(x.columns) columns")
  unsafe weight.withUnsafeBufferPointer { weight in
    unsafe forEachRow(x.count, step) { row in
      let to = unsafe out.base + row * out.stride
      unsafe ck_center(to, x.base + row * x.stride, x.columns)
      unsafe ck_rms_norm(to, to, weight.baseAddress, epsilon, x.columns)
    }
  }
  if let bias { addBias(bias, to: &out, step) }
}

/// Layer norm of every head of `size` columns of every row by itself, in place, with weights and biases of all columns.
package func layerNormHeads(
  _ x: inout MutableRows, every size: Int, weight: [Float], bias: [Float]?, epsilon: Float, _ step: borrowing Step
) {
  precondition(x.columns == weight.count && x.columns % size == 0, "\(x.columns) columns in heads of \(size)")
  precondition(bias.map { $0.count == weight.count } ?? true, "bias of \(bias?.count ?? 0) for \(x.columns) columns")
  unsafe weight.withUnsafeBufferPointer { weight in
    guard let weight = weight.baseAddress else { return }
    unsafe forEachRow(x.count, step) { row in
      for column in stride(from: 0, to: x.columns, by: size) {
        let head = unsafe x.base + row * x.stride + column
        unsafe ck_center(head, head, size)
        unsafe ck_rms_norm(head, head, weight + column, epsilon, size)
      }
    }
  }
  if let bias { addBias(bias, to: &x, step) }
}

/// `x = norm(silu(gate) · x)`, where each group of `weight.count / groups` columns has a root mean square of its own;
/// with `normFirst`, `x = silu(gate) · norm(x)`.
package func gatedNorm(
  _ x: inout MutableRows, gate: Rows, weight: [Float], epsilon: Float, groups: Int, normFirst: Bool = false,
  _ step: borrowing Step
) {
  precondition(gate.columns == x.columns && gate.count == x.count, "gate of \(gate.columns) columns for \(x.columns)")
  precondition(x.columns == weight.count && weight.count % groups == 0, "norm of \(x.columns) in \(groups) groups")
  let size = weight.count / groups
  unsafe weight.withUnsafeBufferPointer { weight in
    guard let weight = weight.baseAddress else { return }
    unsafe forEachRow(x.count, step) { row in
      let values = unsafe x.base + row * x.stride
      let gate = unsafe gate.base + row * gate.stride
      if !normFirst { unsafe ck_silu_multiply(values, gate, values, x.columns) }
      for column in stride(from: 0, to: x.columns, by: size) {
        unsafe ck_rms_norm(values + column, values + column, weight + column, epsilon, size)
      }
      if normFirst { unsafe ck_silu_multiply(values, gate, values, x.columns) }
    }
  }
}

/// As ``gatedNorm(_:gate:weight:epsilon:groups:normFirst:_:)``, where the ranks of a step have parts of the columns: `x` has
/// the rank's of one group, which other ranks have parts of as well.
///
/// - Parameters:
///   - size: the number of columns of a group, those of other ranks included.
///   - group: the number of the rank's group.
///   - groups: the number of groups.
package func gatedNormOverRanks(
  _ x: inout MutableRows, gate: Rows, weight: [Float], epsilon: Float, size: Int, group: Int, groups: Int,
  normFirst: Bool, _ step: borrowing Step
) {
  precondition(x.columns == weight.count && group < groups, "\(weight.count) weights for \(x.columns) columns")
  if !normFirst { siluGate(&x, gate: gate, step) }
  let part = SpreadNorm(columns: 0..<x.columns, of: size, weight: weight, epsilon: epsilon)
  normOverRanks(&x, sums: groups, step) { $0 == group ? part : nil }
  if normFirst { siluGate(&x, gate: gate, step) }
}

/// A root-mean-square norm of columns of which other ranks have some.
package struct SpreadNorm: Sendable {
  /// The rank's columns.
  let columns: Range<Int>
  /// The number of columns of all ranks together, counted as often as there are ranks that have them.
  let size: Int
  /// One for each of the rank's columns.
  let weight: [Float]
  let epsilon: Float

  /// A norm of some columns.
  package init(columns: Range<Int>, of size: Int, weight: [Float], epsilon: Float) {
    precondition(columns.count == weight.count && columns.count <= size, "\(columns.count) columns of \(size)")
    self.columns = columns
    self.size = size
    self.weight = weight
    self.epsilon = epsilon
  }
}

/// Normalises columns of every row, each of the parts together with the columns of other ranks; all ranks have as many parts.
package func rmsNormOverRanks(_ x: inout MutableRows, _ parts: [SpreadNorm], _ step: borrowing Step) {
  normOverRanks(&x, sums: parts.count, step) { parts[$0] }
}

/// Normalises the rank's parts by sums of squares, of which ranks have some each.
private func normOverRanks(
  _ x: inout MutableRows, sums count: Int, _ step: borrowing Step, part: (_ sum: Int) -> SpreadNorm?
) {
  var sums = step.take(rows: x.count, columns: count)
  for index in 0..<count {
    let columns = part(index)?.columns ?? 0..<0
    unsafe forEachRow(x.count, step) { row in
      let values = unsafe x.base + row * x.stride
      var sum: Float = 0
      for column in columns { sum += unsafe values[column] * values[column] }
      unsafe sums.base[row * sums.stride + index] = sum
    }
  }
  sumOverRanks(&sums, step)
  for index in 0..<count {
    guard let part = part(index) else { continue }
    unsafe part.weight.withUnsafeBufferPointer { weight in
      unsafe forEachRow(x.count, step) { row in
        let values = unsafe x.base + row * x.stride + part.columns.lowerBound
        let mean = unsafe sums.base[row * sums.stride + index] / Float(part.size)
        let factor = 1 / (mean + part.epsilon).squareRoot()
        for column in weight.indices { unsafe values[column] *= factor * weight[column] }
      }
    }
  }
}

/// Normalises every head of every row by itself, in place.
///
/// - Parameters:
///   - x: the rows.
///   - size: the number of columns of a head; `nil` for as many as there are weights.
///   - weight: one for each column of a head, or of all heads.
///   - epsilon: ε.
///   - step: the step.
package func rmsNormHeads(
  _ x: inout MutableRows, every size: Int? = nil, weight: [Float], epsilon: Float, _ step: borrowing Step
) {
  let size = size ?? weight.count
  precondition(x.columns % size == 0, "\(x.columns) columns in heads of \(size)")
  precondition(weight.count == size || weight.count == x.columns, "\(weight.count) weights of heads of \(size)")
  let isShared = weight.count == size
  unsafe weight.withUnsafeBufferPointer { weight in
    guard let base = weight.baseAddress else { return }
    unsafe forEachRow(x.count, step) { row in
      for column in stride(from: 0, to: x.columns, by: size) {
        let head = unsafe x.base + row * x.stride + column
        unsafe ck_rms_norm(head, head, base + (isShared ? 0 : column), epsilon, size)
      }
    }
  }
}

/// The function of a gate that values are multiplied with.
package enum GateActivation: Sendable {
  /// `x · σ(x)`.
  case silu
  /// `σ(x)`.
  case sigmoid
}

/// `x = norm(x) · activation(gate)`, where every head of `weight.count` columns is normalised by itself, all with the
/// same weights.
package func normThenGate(
  _ x: inout MutableRows, gate: Rows, _ activation: GateActivation, weight: [Float], epsilon: Float,
  _ step: borrowing Step
) {
  precondition(gate.columns == x.columns && gate.count == x.count, "gate of \(gate.columns) columns for \(x.columns)")
  precondition(x.columns % weight.count == 0, "\(x.columns) columns in heads of \(weight.count)")
  unsafe weight.withUnsafeBufferPointer { weight in
    guard let base = weight.baseAddress else { return }
    unsafe forEachRow(x.count, step) { row in
      let (values, gates) = unsafe (x.base + row * x.stride, gate.base + row * gate.stride)
      for column in stride(from: 0, to: x.columns, by: weight.count) {
        unsafe ck_rms_norm(values + column, values + column, base, epsilon, weight.count)
      }
      switch activation {
      case .silu: unsafe ck_silu_multiply(values, gates, values, x.columns)
      case .sigmoid: unsafe ck_sigmoid_multiply(values, gates, values, x.columns)
      }
    }
  }
}
