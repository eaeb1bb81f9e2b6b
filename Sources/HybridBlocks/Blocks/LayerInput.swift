public import InferCore

/// The contribution of a layer's own input, which stands beside the stream: `norm(W₂ (gelu(W₁ h) ∘ input))`.
struct LayerInput: Sendable {
  let columns: Range<Int>
  let gate: Linear
  let projection: Linear
  let norm: RMSNorm

  /// Reads `per_layer_input_gate`, `[columns × width]`, `per_layer_projection`, `[width × columns]`, and
  /// `post_per_layer_input_norm`.
  init(_ weights: WeightScope, width: Int, columns: Range<Int>, epsilon: Float) throws(ModelError) {
    self.columns = columns
    gate = try Linear(weights["per_layer_input_gate"], input: width, output: columns.count)
    projection = try Linear(weights["per_layer_projection"], input: columns.count, output: width)
    norm = try RMSNorm(weights["post_per_layer_input_norm"], width: width, epsilon: epsilon)
  }

  /// Computes it of every row.
  ///
  /// - Parameters:
  ///   - stream: what gates see, `[rows × width]`.
  ///   - h: rows that hold the input in their `columns`.
  ///   - out: `[rows × width]`.
  ///   - step: the step.
  func apply(_ stream: Rows, beside h: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let size = columns.count
    // Beside each other, as gated networks have them.
    var both = step.take(rows: h.count, columns: 2 * size)
    do {
      var gates = both.columns(0..<size)
      gate.apply(stream, into: &gates, step)
    }
    do {
      var own = both.columns(size..<2 * size)
      assign(h.columns(columns), scale: 1, to: &own, step)
    }
    var gated = step.take(rows: h.count, columns: size)
    activateGated(both.rows, .geluTanhGated, into: &gated, step)
    projection.apply(gated.rows, into: &out, step)
    norm.applyToHeads(of: &out, step)
  }
}

/// The block by which a layer takes in an input of its own that stands beside the stream (Gemma 4), and scales what it
/// leaves: `h = α (h + norm(W₂ (gelu(W₁ h) ∘ input)))`, or without such an input `h = α h`.
public struct LayerInputBlock: Block {
  let width: Int
  let input: LayerInput?
  /// α
  let scale: Float

  /// Reads the input's maps and norm where there are columns; see ``LayerInput``.
  init(
    _ weights: WeightScope, width: Int, columns: Range<Int>, epsilon: Float, scale: Float
  ) throws(ModelError) {
    self.width = width
    self.scale = scale
    input = columns.isEmpty ? nil : try LayerInput(weights, width: width, columns: columns, epsilon: epsilon)
  }

  /// `E`
  public var letter: Character { "E" }
  /// `E`, or nothing where there is no input.
  public var letters: String { input == nil ? "" : "E" }
  /// None.
  public var idleParameterCount: Int { 0 }
  /// `true`: small, and computed by every rank for itself.
  public var isDivisible: Bool { true }

  /// Computes on all rows of the step.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    if let input {
      var projected = step.take(rows: h.count, columns: width)
      input.apply(h.rows.columns(0..<width), beside: h.rows, into: &projected, step)
      var stream = h.columns(0..<width)
      add(projected.rows, to: &stream, step)
    }
    var stream = h.columns(0..<width)
    InferCore.scale(&stream, by: scale, step)
  }
}

/// The block by which a layer takes in an input of its own where the stream has several lanes (Gemma 3n): one of them is seen,
/// `α ∘ hₐ`, and all but the first get what is made of it and of the input.
public struct LaneInputBlock: Block {
  let width: Int
  let lanes: Int
  /// The lane that is seen.
  let active: Int
  let input: LayerInput
  /// α, of each column; `nil` for none.
  let scale: [Float]?

  /// `E`
  public var letter: Character { "E" }
  /// None.
  public var idleParameterCount: Int { 0 }
  /// `true`: small, and computed by every rank for itself.
  public var isDivisible: Bool { true }

  /// Computes on all rows of the step.
  public func apply(to h: inout MutableRows, _ step: borrowing Step) {
    var seen = step.take(rows: h.count, columns: width)
    assign(h.rows.columns(active * width..<(active + 1) * width), scale: 1, to: &seen, step)
    if let scale { scaleColumns(&seen, by: scale, step) }
    var projected = step.take(rows: h.count, columns: width)
    input.apply(seen.rows, beside: h.rows, into: &projected, step)
    for lane in 1..<lanes {
      var target = h.columns(lane * width..<(lane + 1) * width)
      add(projected.rows, to: &target, step)
    }
  }
}
