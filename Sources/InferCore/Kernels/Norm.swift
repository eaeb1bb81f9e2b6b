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
  precondition(gate.columns == x.columns && gate.count == x.count, "gate of \(gate.columns) columns for \(x.columns)")
  precondition(
    x.columns == weight.count && weight.count <= size && group < groups, "\(weight.count) columns of \(size)")
  var sums = step.take(rows: x.count, columns: groups)
  unsafe forEachRow(x.count, step) { row in
    let values = unsafe x.base + row * x.stride
    if !normFirst { unsafe ck_silu_multiply(values, gate.base + row * gate.stride, values, x.columns) }
    var sum: Float = 0
    for column in 0..<x.columns { sum += unsafe values[column] * values[column] }
    for other in 0..<groups { unsafe sums.base[row * sums.stride + other] = other == group ? sum : 0 }
  }
  sumOverRanks(&sums, step)
  unsafe weight.withUnsafeBufferPointer { weight in
    unsafe forEachRow(x.count, step) { row in
      let values = unsafe x.base + row * x.stride
      let factor = unsafe 1 / (sums.base[row * sums.stride + group] / Float(size) + epsilon).squareRoot()
      for column in 0..<x.columns { unsafe values[column] *= factor * weight[column] }
      if normFirst { unsafe ck_silu_multiply(values, gate.base + row * gate.stride, values, x.columns) }
    }
  }
}

/// Normalises every head of `weight.count` columns of every row by itself, in place, all with the same weights.
package func rmsNormHeads(_ x: inout MutableRows, weight: [Float], epsilon: Float, _ step: borrowing Step) {
  precondition(x.columns % weight.count == 0, "\(x.columns) columns in heads of \(weight.count)")
  unsafe weight.withUnsafeBufferPointer { weight in
    guard let base = weight.baseAddress else { return }
    unsafe forEachRow(x.count, step) { row in
      for column in stride(from: 0, to: x.columns, by: weight.count) {
        let head = unsafe x.base + row * x.stride + column
        unsafe ck_rms_norm(head, head, base, epsilon, weight.count)
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
