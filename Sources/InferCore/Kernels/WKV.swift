internal import CKernels

// The recurrences of RWKV 6 and 7, over every run, with state from the run's start on to its captures and its end. Tokens follow
// one another, heads side by side, and the bits do not depend on how a sequence is cut into runs. State is 32-bit: a matrix of
// each head, channels of the key by channels of the value.

/// Sizes of the heads of RWKV.
package struct WKVShape: Sendable {
  /// The number of heads.
  package let heads: Int
  /// The width of a head.
  package let size: Int

  /// Creates sizes.
  package init(heads: Int, size: Int) {
    self.heads = heads
    self.size = size
  }

  /// The width of all heads.
  package var width: Int { heads * size }
  /// The number of floats of a sequence's state.
  package var stateCount: Int { heads * size * size }
}

/// The recurrence of RWKV 6 (Peng et al. 2024, arXiv 2404.05892, §4.2): per head `y = Sᵀ r + (r · (u ∘ k)) v`, then
/// `S ← diag(decay) S + k ⊗ v`.
///
/// - Parameters:
///   - r: the receptance, `[step rows × width]`, as the other inputs.
///   - decay: factors from 0 to 1.
///   - k: keys.
///   - v: values.
///   - bonus: u, what a token's own key weighs, `[width]`.
///   - shape: the sizes.
///   - state: recurrent state of ``WKVShape/stateCount`` floats.
///   - out: `[step rows × width]`.
package func wkv6(
  r: Rows, decay: Rows, k: Rows, v: Rows, bonus: [Float], _ shape: WKVShape, state: StateHandle,
  into out: inout MutableRows, _ step: borrowing Step
) {
  let size = shape.size
  let width = shape.width
  precondition(r.columns == width && k.columns == width && v.columns == width, "\(r.columns) columns for \(width)")
  precondition(decay.columns == width && bonus.count == width && out.columns == width, "\(out.columns) for \(width)")
  step.report.work.addRecurrence(over: step.plan, floats: shape.stateCount, multiplyAddsPerRow: 2 * shape.stateCount)
  let (base, outStride) = unsafe (out.base, out.stride)
  unsafe bonus.withUnsafeBufferPointer { bonus in
    guard let bonus = bonus.baseAddress else { return }
    unsafe forEachHead(shape, state, step) { rows, column, head in
      for row in rows {
        unsafe ck_wkv6_step(
          head, base + row * outStride + column, r.base + row * r.stride + column,
          decay.base + row * decay.stride + column, k.base + row * k.stride + column,
          v.base + row * v.stride + column, bonus + column, size)
      }
    }
  }
}

/// The recurrence of RWKV 7 (Peng et al. 2025, arXiv 2503.14456, §3): per head
/// `S ← diag(decay) S + replaced ⊗ (Sᵀ removed) + k ⊗ v`, `y = Sᵀ r`.
///
/// - Parameters:
///   - r: the receptance, `[step rows × width]`, as the other inputs.
///   - decay: factors from 0 to 1.
///   - k: keys.
///   - v: values.
///   - removed: the direction of keys whose values are replaced, negated; see ``wkv7Keys(_:rates:removed:removal:mix:_:_:)``.
///   - replaced: that direction by learning rates.
///   - shape: the sizes.
///   - state: recurrent state of ``WKVShape/stateCount`` floats.
///   - out: `[step rows × width]`.
package func wkv7(
  r: Rows, decay: Rows, k: Rows, v: Rows, removed: Rows, replaced: Rows, _ shape: WKVShape, state: StateHandle,
  into out: inout MutableRows, _ step: borrowing Step
) {
  let size = shape.size
  let width = shape.width
  precondition(r.columns == width && k.columns == width && v.columns == width, "\(r.columns) columns for \(width)")
  precondition(removed.columns == width && replaced.columns == width, "\(removed.columns) columns for \(width)")
  precondition(decay.columns == width && out.columns == width, "\(out.columns) columns for \(width)")
  step.report.work.addRecurrence(over: step.plan, floats: shape.stateCount, multiplyAddsPerRow: 4 * shape.stateCount)
  let (base, outStride) = unsafe (out.base, out.stride)
  unsafe forEachHead(shape, state, step) { rows, column, head in
    for row in rows {
      unsafe ck_wkv7_step(
        head, base + row * outStride + column, r.base + row * r.stride + column,
        decay.base + row * decay.stride + column, k.base + row * k.stride + column, v.base + row * v.stride + column,
        removed.base + row * removed.stride + column, replaced.base + row * replaced.stride + column, size)
    }
  }
}

/// Prepares keys and learning rates for the recurrence of RWKV 7, head by head. With the direction `d` of `k ∘ removal`,
/// whose length is one: `removed = −d`, `k ← k ∘ (1 + (rate − 1) ∘ mix)`, `rate ← rate ∘ d`.
///
/// - Parameters:
///   - k: keys, `[step rows × width]`.
///   - rates: learning rates from 0 to 1, the same shape; what is replaced behind it.
///   - removed: the same shape.
///   - removal: `[width]`.
///   - mix: `[width]`.
///   - shape: the sizes.
package func wkv7Keys(
  _ k: inout MutableRows, rates: inout MutableRows, removed: inout MutableRows, removal: [Float], mix: [Float],
  _ shape: WKVShape, _ step: borrowing Step
) {
  let width = shape.width
  precondition(k.columns == width && rates.columns == width && removed.columns == width, "\(k.columns) for \(width)")
  precondition(removal.count == width && mix.count == width, "\(mix.count) weights for \(width)")
  precondition(rates.count == k.count && removed.count == k.count, "\(rates.count) rates of \(k.count) keys")
  unsafe removal.withUnsafeBufferPointer { removal in
    unsafe mix.withUnsafeBufferPointer { mix in
      guard let removal = removal.baseAddress, let mix = mix.baseAddress else { return }
      unsafe forEachRow(k.count, step) { row in
        for column in stride(from: 0, to: shape.width, by: shape.size) {
          unsafe ck_wkv7_keys(
            k.base + row * k.stride + column, rates.base + row * rates.stride + column,
            removed.base + row * removed.stride + column, removal + column, mix + column, shape.size)
        }
      }
    }
  }
}

/// Adds to every head its value by what the receptance has of its key: `y += (r · (weight ∘ k)) v`.
package func wkv7Bonus(
  _ y: inout MutableRows, r: Rows, k: Rows, v: Rows, weight: [Float], _ shape: WKVShape, _ step: borrowing Step
) {
  let width = shape.width
  precondition(y.columns == width && r.columns == width && k.columns == width, "\(y.columns) columns for \(width)")
  precondition(v.columns == width && weight.count == width, "\(weight.count) weights for \(width)")
  unsafe weight.withUnsafeBufferPointer { weight in
    guard let weight = weight.baseAddress else { return }
    unsafe forEachRow(y.count, step) { row in
      for column in stride(from: 0, to: shape.width, by: shape.size) {
        unsafe ck_wkv7_bonus(
          y.base + row * y.stride + column, v.base + row * v.stride + column, r.base + row * r.stride + column,
          k.base + row * k.stride + column, weight + column, shape.size)
      }
    }
  }
}

/// Decays of RWKV 6 from the logarithms of their exponents: `x = exp(−exp(x + bias))`, column by column.
package func twiceExponentialDecay(_ x: inout MutableRows, bias: [Float], _ step: borrowing Step) {
  precondition(bias.count == x.columns, "bias of \(bias.count) for \(x.columns) columns")
  unsafe bias.withUnsafeBufferPointer { bias in
    unsafe forEachRow(x.count, step) { row in
      let values = unsafe x.base + row * x.stride
      unsafe ck_twice_exponential_decay(values, values, bias.baseAddress, x.columns)
    }
  }
}

/// Takes every head of every run through its rows: the segment's rows, the head's first column, and its state.
private func forEachHead(
  _ shape: WKVShape, _ state: StateHandle, _ step: borrowing Step,
  _ body: (_ rows: Range<Int>, _ column: Int, _ state: UnsafeMutablePointer<Float>) -> Void
) {
  let count = shape.size * shape.size
  // Last runs first: prompts stand behind decodes, and what ends last should be small.
  unsafe step.team.forEach(step.plan.runs.count * shape.heads) { item, _ in
    let run = step.plan.runs[step.plan.runs.count - 1 - item / shape.heads]
    let head = item % shape.heads
    unsafe advance(run, state, offset: head * count, count: count, step) { rows, start in
      unsafe body(rows, head * shape.size, start)
    }
  }
}
