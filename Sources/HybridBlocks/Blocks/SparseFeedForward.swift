public import InferCore

/// A gated network most of whose gates are shut (Gemma 3n): gates count by how far they are above a bound of their row, which
/// lies so many standard deviations above their mean.
public struct SparseFeedForward: Mixer {
  /// Of each row all gates, since all make the bound, and beside them the rank's part of ups.
  let first: Linear
  let second: Linear
  let hidden: Int
  /// The columns between the maps that the rank computes.
  let part: Range<Int>
  let deviations: Float

  /// Reads `gate_proj`, `up_proj` and `down_proj`.
  init(_ weights: WeightScope, width: Int, hidden: Int, deviations: Float) throws(ModelError) {
    guard let part = weights.share.columns(of: hidden) else {
      throw weights.indivisible("\(hidden) inner columns cannot be dealt out to \(weights.share.count) ranks")
    }
    self.hidden = hidden
    self.part = part
    self.deviations = deviations
    first = try Linear(
      [.init(weights["gate_proj"], output: hidden), .init(weights["up_proj"], output: hidden, rows: [part])],
      input: width)
    second = try Linear(weights["down_proj"], columns: part, of: hidden, output: width, role: .down)
  }

  /// `F`
  public var letter: Character { "F" }
  /// `true`: by its inner columns.
  public var isDivisible: Bool { true }

  /// Computes the network on all rows.
  public func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var inner = step.take(rows: x.count, columns: hidden + part.count)
    first.apply(x, into: &inner, step)
    do {
      var gates = inner.columns(0..<hidden)
      cutNormal(&gates, deviations, step)
    }
    var gated = step.take(rows: x.count, columns: part.count)
    if part.count == hidden {
      activateGated(inner.rows, .geluTanhGated, into: &gated, step)
    } else {
      var own = step.take(rows: x.count, columns: 2 * part.count)
      do {
        var gates = own.columns(0..<part.count)
        assign(inner.rows.columns(part), scale: 1, to: &gates, step)
      }
      do {
        var ups = own.columns(part.count..<2 * part.count)
        assign(inner.rows.columns(hidden..<hidden + part.count), scale: 1, to: &ups, step)
      }
      activateGated(own.rows, .geluTanhGated, into: &gated, step)
    }
    second.apply(gated.rows, into: &out, step)
  }
}
