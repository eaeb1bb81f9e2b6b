public import InferCore

/// A low-rank addition to a linear map whose outputs stand side by side: part `i` gets `(x · Aᵢᵀ) · Bᵢᵀ` added (Hu et
/// al. 2021, arXiv 2106.09685, eq. 3).
public struct LowRankAdapter: Sendable {
  /// `A` of all parts.
  let down: Linear
  /// `B` of each part.
  let up: [Linear]
  let rank: Int

  /// Reads `0.weight`, `[rank × input]`, and `1.weight`, `[output × rank]`, of each part, or the rows of it that are wanted.
  ///
  /// - Parameters:
  ///   - parts: the scopes and the widths of the parts, side by side.
  ///   - input: the width of the input.
  ///   - rank: the width between the two maps.
  public init(_ parts: [Linear.Part], input: Int, rank: Int) throws(ModelError) {
    self.rank = rank
    var up: [Linear] = []
    for part in parts {
      up.append(try Linear([.init(part.weights["1"], output: part.output, rows: part.rows)], input: rank))
    }
    self.up = up
    down = try Linear(parts.map { .init($0.weights["0"], output: rank) }, input: input)
  }

  /// Adds to `out`, the output of the map for `x`.
  public func add(_ x: Rows, to out: inout MutableRows, _ step: borrowing Step) {
    var inner = step.take(rows: x.count, columns: down.outputWidth)
    down.apply(x, into: &inner, step)
    var column = 0
    for (index, map) in up.enumerated() {
      var part = step.take(rows: x.count, columns: map.outputWidth)
      map.apply(inner.rows.columns(index * rank..<(index + 1) * rank), into: &part, step)
      var target = out.columns(column..<column + map.outputWidth)
      InferCore.add(part.rows, to: &target, step)
      column += map.outputWidth
    }
  }
}
