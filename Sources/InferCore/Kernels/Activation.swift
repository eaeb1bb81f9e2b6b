internal import CKernels

/// SwiGLU's element-wise half (Shazeer 2020, arXiv 2002.05202): `out = silu(gate) · up`, where each row of `x`
/// is `[gate | up]`.
public func siluGated(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
  unsafe activateGated(x, ck_silu_multiply, into: &out, step)
}

/// GEGLU's element-wise half (Shazeer 2020, arXiv 2002.05202): `out = gelu(gate) · up`, where each row of `x` is
/// `[gate | up]` and `gelu(x)` is `x` times the probability that a normal variable is below it.
public func geluGated(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
  unsafe activateGated(x, ck_gelu_multiply, into: &out, step)
}

/// The half between the maps of a gated network: `out = activation(gate) · up`, where each row of `x` is `[gate | up]`.
///
/// - Precondition: the activation has a gate.
public func activateGated(
  _ x: Rows, _ activation: Experts.Activation, into out: inout MutableRows, _ step: borrowing Step
) {
  let width = out.columns
  precondition(x.columns == 2 * width && x.count == out.count, "gate and up of \(x.columns) columns for \(width)")
  unsafe forEachRow(x.count, step) { row in
    let gate = unsafe x.base + row * x.stride
    unsafe activation.apply(gate, gate + width, into: out.base + row * out.stride, width)
  }
}

extension Experts.Activation {
  /// `out = activation(gate) · up`, of `count` numbers.
  func apply(
    _ gate: UnsafePointer<Float>, _ up: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    switch self {
    case .siluGated: unsafe ck_silu_multiply(out, gate, up, count)
    case .geluGated: unsafe ck_gelu_multiply(out, gate, up, count)
    case .geluTanhGated: unsafe ck_gelu_tanh_multiply(out, gate, up, count)
    case .clampedSiluGated(let alpha, let limit):
      unsafe ck_clamped_silu_multiply(out, gate, up, alpha, limit, count)
    case .siluOfBoundedGated(let limit): unsafe ck_silu_of_bounded_multiply(out, gate, up, limit, count)
    case .boundedSiluGated(let limit): unsafe ck_bounded_silu_multiply(out, gate, up, limit, count)
    case .softCappedSiluGated(let gateCap, let upCap):
      unsafe Self.multiplyCapped(gate, gateCap, up, upCap, into: out, count)
    case .reluSquared: preconditionFailure("ReLU² has no gate")
    }
  }

  private static func multiplyCapped(
    _ gate: UnsafePointer<Float>, _ gateCap: Float, _ up: UnsafePointer<Float>, _ upCap: Float,
    into out: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    let part = 64
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: part) { memory in
      guard let capped = memory.baseAddress else { return }
      for first in stride(from: 0, to: count, by: part) {
        let size = min(part, count - first)
        let target = unsafe out + first
        unsafe capped.update(from: gate + first, count: size)
        unsafe target.update(from: up + first, count: size)
        unsafe ck_soft_cap(capped, gateCap, size)
        unsafe ck_soft_cap(target, upCap, size)
        unsafe ck_sigmoid_multiply(target, gate + first, target, size)
        unsafe ck_product(target, target, capped, size)
      }
    }
  }
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
public func siluGate(_ x: inout MutableRows, gate: Rows, _ step: borrowing Step) {
  precondition(gate.columns == x.columns && gate.count == x.count, "gate of \(gate.columns) columns for \(x.columns)")
  unsafe forEachRow(x.count, step) { row in
    let values = unsafe x.base + row * x.stride
    unsafe ck_silu_multiply(values, gate.base + row * gate.stride, values, x.columns)
  }
}

/// `x = x · σ(x)`.
public func silu(_ x: inout MutableRows, _ step: borrowing Step) {
  unsafe forEachRow(x.count, step) { row in
    let values = unsafe x.base + row * x.stride
    unsafe ck_sigmoid_multiply(values, values, values, x.columns)
  }
}

/// `x = cap · tanh(x / cap)`: holds numbers within a bound.
///
/// - Precondition: the bound is above zero.
public func softCap(_ x: inout MutableRows, _ cap: Float, _ step: borrowing Step) {
  precondition(cap > 0, "numbers within \(cap)")
  unsafe forEachRow(x.count, step) { row in unsafe ck_soft_cap(x.base + row * x.stride, cap, x.columns) }
}

/// `x = max(x − c, 0)`, where `c` lies so many standard deviations above the mean of a row: of normal numbers, a share that
/// they tell is left (You et al. 2025, arXiv 2506.06644).
package func cutNormal(_ x: inout MutableRows, _ deviations: Float, _ step: borrowing Step) {
  unsafe forEachRow(x.count, step) { row in unsafe ck_cut_normal(x.base + row * x.stride, deviations, x.columns) }
}

/// `x = max(x, 0)²` (So et al. 2021, arXiv 2109.08668).
public func reluSquared(_ x: inout MutableRows, _ step: borrowing Step) {
  unsafe forEachRow(x.count, step) { row in unsafe ck_relu_squared(x.base + row * x.stride, x.columns) }
}

/// `x = σ(x)`.
public func sigmoid(_ x: inout MutableRows, _ step: borrowing Step) {
  unsafe forEachRow(x.count, step) { row in unsafe ck_sigmoid(x.base + row * x.stride, x.columns) }
}

/// `x = x · σ(gate)`, with a gate for each column, one for each head of equally many columns, or one for each row.
public func sigmoidGate(_ x: inout MutableRows, gate: Rows, _ step: borrowing Step) {
  precondition(
    gate.count == x.count && gate.columns > 0 && x.columns % gate.columns == 0, "\(gate.columns) for \(x.columns)")
  let width = x.columns / gate.columns
  unsafe forEachRow(x.count, step) { row in
    let (values, gates) = unsafe (x.base + row * x.stride, gate.base + row * gate.stride)
    if gate.columns == x.columns {
      unsafe ck_sigmoid_multiply(values, gates, values, x.columns)
    } else {
      for head in 0..<gate.columns {
        var factor = unsafe gates[head]
        unsafe ck_sigmoid(&factor, 1)
        for column in head * width..<(head + 1) * width { unsafe values[column] *= factor }
      }
    }
  }
}
