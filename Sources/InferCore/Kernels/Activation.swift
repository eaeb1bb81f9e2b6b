internal import CKernels

/// SwiGLU's element-wise half (Shazeer 2020, arXiv 2002.05202): `out = silu(gate) · up`, where each row of `x`
/// is `[gate | up]`.
package func siluGated(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
  unsafe activateGated(x, ck_silu_multiply, into: &out, step)
}

/// GEGLU's element-wise half (Shazeer 2020, arXiv 2002.05202): `out = gelu(gate) · up`, where each row of `x` is
/// `[gate | up]` and `gelu(x)` is `x` times the probability that a normal variable is below it.
package func geluGated(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
  unsafe activateGated(x, ck_gelu_multiply, into: &out, step)
}

/// `out = kernel(gate) · up`, where each row of `x` is `[gate | up]`.
private func activateGated(
  _ x: Rows,
  _ kernel: @convention(c) (UnsafeMutablePointer<Float>?, UnsafePointer<Float>?, UnsafePointer<Float>?, Int) -> Void,
  into out: inout MutableRows, _ step: borrowing Step
) {
  let width = out.columns
  precondition(x.columns == 2 * width && x.count == out.count, "gate and up of \(x.columns) columns for \(width)")
  unsafe forEachRow(x.count, step) { row in
    let gate = unsafe x.base + row * x.stride
    unsafe kernel(out.base + row * out.stride, gate, gate + width, width)
  }
}

/// `x = silu(gate) · x`.
package func siluGate(_ x: inout MutableRows, gate: Rows, _ step: borrowing Step) {
  precondition(gate.columns == x.columns && gate.count == x.count, "gate of \(gate.columns) columns for \(x.columns)")
  unsafe forEachRow(x.count, step) { row in
    let values = unsafe x.base + row * x.stride
    unsafe ck_silu_multiply(values, gate.base + row * gate.stride, values, x.columns)
  }
}

/// `x = max(x, 0)²` (So et al. 2021, arXiv 2109.08668).
package func reluSquared(_ x: inout MutableRows, _ step: borrowing Step) {
  unsafe forEachRow(x.count, step) { row in unsafe ck_relu_squared(x.base + row * x.stride, x.columns) }
}

/// `out = scale · x`.
package func assign(_ x: Rows, scale: Float, to out: inout MutableRows, _ step: borrowing Step) {
  precondition(x.count == out.count && x.columns == out.columns, "assigning \(x.columns) columns to \(out.columns)")
  unsafe forEachRow(x.count, step) { row in
    let (from, to) = unsafe (x.base + row * x.stride, out.base + row * out.stride)
    for column in 0..<x.columns { unsafe to[column] = scale * from[column] }
  }
}

/// `x = σ(x)`.
package func sigmoid(_ x: inout MutableRows, _ step: borrowing Step) {
  unsafe forEachRow(x.count, step) { row in unsafe ck_sigmoid(x.base + row * x.stride, x.columns) }
}

/// `x = x · σ(gate)`, with a gate for each column, or one for each row.
package func sigmoidGate(_ x: inout MutableRows, gate: Rows, _ step: borrowing Step) {
  precondition(
    gate.count == x.count && (gate.columns == 1 || gate.columns == x.columns), "\(gate.columns) for \(x.columns)")
  unsafe forEachRow(x.count, step) { row in
    let (values, gates) = unsafe (x.base + row * x.stride, gate.base + row * gate.stride)
    if gate.columns == x.columns {
      unsafe ck_sigmoid_multiply(values, gates, values, x.columns)
    } else {
      var factor = unsafe gates[0]
      unsafe ck_sigmoid(&factor, 1)
      for column in 0..<x.columns { unsafe values[column] *= factor }
    }
  }
}

/// `out += scale · x`.
package func add(_ x: Rows, scale: Float = 1, to out: inout MutableRows, _ step: borrowing Step) {
  precondition(x.count == out.count && x.columns == out.columns, "adding \(x.columns) columns to \(out.columns)")
  unsafe forEachRow(x.count, step) { row in
    unsafe ck_add_scaled(out.base + row * out.stride, x.base + row * x.stride, scale, x.columns)
  }
}

/// Adds `bias` to every row of `x`.
package func addBias(_ bias: [Float], to x: inout MutableRows, _ step: borrowing Step) {
  precondition(bias.count == x.columns, "bias of \(bias.count) for \(x.columns) columns")
  unsafe bias.withUnsafeBufferPointer { bias in
    unsafe forEachRow(x.count, step) { row in
      unsafe ck_add_scaled(x.base + row * x.stride, bias.baseAddress, 1, x.columns)
    }
  }
}

/// `x *= scale`.
package func scale(_ x: inout MutableRows, by scale: Float, _ step: borrowing Step) {
  guard scale != 1 else { return }
  unsafe forEachRow(x.count, step) { row in
    let values = unsafe x.base + row * x.stride
    for column in 0..<x.columns { unsafe values[column] *= scale }
  }
}

/// Multiplies every column of `x` by its factor.
package func scaleColumns(_ x: inout MutableRows, by factors: [Float], _ step: borrowing Step) {
  precondition(factors.count == x.columns, "\(factors.count) factors for \(x.columns) columns")
  unsafe factors.withUnsafeBufferPointer { factors in
    unsafe forEachRow(x.count, step) { row in
      let values = unsafe x.base + row * x.stride
      unsafe ck_product(values, values, factors.baseAddress, x.columns)
    }
  }
}

/// `out = x · y`, element by element.
package func multiply(_ x: Rows, _ y: Rows, into out: inout MutableRows, _ step: borrowing Step) {
  precondition(x.count == out.count && x.columns == out.columns, "\(x.columns) columns into \(out.columns)")
  precondition(y.count == x.count && y.columns == x.columns, "\(x.columns) columns by \(y.columns)")
  unsafe forEachRow(x.count, step) { row in
    unsafe ck_product(out.base + row * out.stride, x.base + row * x.stride, y.base + row * y.stride, x.columns)
  }
}

/// `x = x · y`, element by element.
package func multiply(_ x: inout MutableRows, by y: Rows, _ step: borrowing Step) {
  precondition(y.count == x.count && y.columns == x.columns, "\(x.columns) columns by \(y.columns)")
  unsafe forEachRow(x.count, step) { row in
    let values = unsafe x.base + row * x.stride
    unsafe ck_product(values, values, y.base + row * y.stride, x.columns)
  }
}

/// Row `i` of `out` becomes row `indices[i]` of a matrix, as floats, times `factor`: an embedding.
///
/// - Precondition: every index is a row of `table`.
package func gatherRows(
  of table: any RowTable, _ indices: [Int32], scale factor: Float, into out: inout MutableRows, _ step: borrowing Step
) {
  precondition(out.count == indices.count && out.columns == table.columns, "\(indices.count) rows for \(out.count)")
  step.report.work.weightBytes += indices.count * table.rowBytes
  unsafe forEachRow(indices.count, step) { row in
    unsafe table.unpackRow(Int(indices[row]), into: out.base + row * out.stride)
  }
  scale(&out, by: factor, step)
}

/// Copies the rows whose logits are wanted, in order of runs.
///
/// - Parameters:
///   - h: `[step rows × width]`.
///   - out: `[wanted rows × width]`.
package func gatherLogitRows(of h: Rows, into out: inout MutableRows, _ step: borrowing Step) {
  precondition(out.count == step.plan.logitRowCount && out.columns == h.columns, "\(out.count) wanted rows")
  var next = 0
  for run in step.plan.runs {
    for row in run.logits {
      unsafe (out.base + next * out.stride).update(from: h.base + row * h.stride, count: h.columns)
      next += 1
    }
  }
}
