internal import InferCore

/// Embeddings of a token with those before it, which every lane of a residual stream gets (hashed n-gram embeddings,
/// Qwen4-Exp): of rows `e` of a table that hashes of the last tokens tell, a value `v` for all lanes, times a gate for each,
/// and behind that a causal convolution of its norm, whose taps lie apart: `g = σ(√(norm(K e) · norm(h)))`,
/// `h += g v + silu(conv(norm(g v)))`.
struct NGramBlock: Block {
  /// The sizes of a block.
  struct Shape: Sendable {
    /// The number of lanes.
    let lanes: Int
    /// The width of a lane.
    let width: Int
    /// The width of what is looked up: the rows of all heads together.
    let embeddingWidth: Int
    /// Taps of the convolution.
    let taps: Int
    /// The number of tokens from a tap to the next.
    let dilation: Int
    /// The number of rows that the table has in the file, those behind the last head's among them.
    let tableRows: Int
    /// The number of tensors that hold them.
    let tableParts: Int
    /// ε of all norms.
    let epsilon: Float
  }

  let shape: Shape
  let hash: NGramHash
  let table: any RowTable
  let keys: Linear
  let values: Linear
  let keyNorm: LaneNorm
  let queryNorm: LaneNorm
  let outputNorm: LaneNorm
  /// `[taps × lanes · width]`, with zeros where the convolution looks at nothing.
  let convolution: [Float]
  /// The last tokens.
  let last: StateHandle
  let history: StateHandle

  /// Reads the table `ple_embedding.ngram_embedding`, whole or in `shard_N`, `key_proj`, `[lanes · width × embeddingWidth]`,
  /// `value_proj`, `[width × embeddingWidth]`, the norms `norm_key`, `norm_query` and `norm_conv`, `[lanes · width]` each, and
  /// `conv1d`. Declares the last tokens and the convolution's last inputs.
  init(
    _ weights: WeightScope, _ shape: Shape, _ hash: NGramHash, state: inout StateLayout
  ) throws(ModelError) {
    let all = shape.lanes * shape.width
    self.shape = shape
    self.hash = hash
    table = try weights["ple_embedding"]["ngram_embedding"].table(
      rows: shape.tableRows, columns: shape.embeddingWidth / hash.heads, parts: shape.tableParts)
    keys = try Linear(weights["key_proj"], input: shape.embeddingWidth, output: all)
    values = try Linear(weights["value_proj"], input: shape.embeddingWidth, output: shape.width, role: .value)
    func norm(_ name: String) throws(ModelError) -> LaneNorm {
      try LaneNorm(weights[name], lanes: shape.lanes, width: shape.width, epsilon: shape.epsilon)
    }
    keyNorm = try norm("norm_key")
    queryNorm = try norm("norm_query")
    outputNorm = try norm("norm_conv")
    let taps = try weights.convolution("conv1d.weight", channels: all, taps: shape.taps)
    let between = [Float](repeating: 0, count: (shape.dilation - 1) * all)
    convolution = (0..<shape.taps).flatMap { tap in (tap > 0 ? between : []) + taps[tap * all..<(tap + 1) * all] }
    last = state.add(.recurrent(count: hash.size - 1), stage: weights.stage)
    history = state.add(.recurrent(count: convolution.count - all), stage: weights.stage)
  }

  /// `N`
  var letter: Character { "N" }

  /// Most of the table.
  var idleParameterCount: Int { (table.rows - hash.heads) * table.columns }

  /// `true`: every rank computes it for itself, of a table that stays in its file.
  var isDivisible: Bool { true }

  /// Computes on all rows of the step.
  func apply(to h: inout MutableRows, _ step: borrowing Step) {
    let (lanes, width) = (shape.lanes, shape.width)
    var embedded = step.take(rows: h.count, columns: shape.embeddingWidth)
    gatherRows(of: table, by: hash, last: last, into: &embedded, step)
    var weights = step.take(rows: h.count, columns: lanes)
    step.scoped { gate(h.rows.columns(0..<lanes * width), embedded.rows, into: &weights, step) }
    var value = step.take(rows: h.count, columns: width)
    values.apply(embedded.rows, into: &value, step)
    var gated = step.take(rows: h.count, columns: lanes * width)
    assign(0, to: &gated, step)
    addToLanes(value.rows, weights: weights.rows, of: &gated, step)
    var normed = step.take(rows: h.count, columns: lanes * width)
    outputNorm.apply(gated.rows, into: &normed, step)
    var convolved = step.take(rows: h.count, columns: lanes * width)
    causalConvolution(
      normed.rows, weight: convolution, bias: nil, taps: convolution.count / (lanes * width), history: history,
      into: &convolved, step)
    var stream = h.columns(0..<lanes * width)
    add(gated.rows, to: &stream, step)
    add(convolved.rows, to: &stream, step)
  }

  /// The gates of all lanes.
  private func gate(_ stream: Rows, _ embedded: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var projected = step.take(rows: stream.count, columns: stream.columns)
    keys.apply(embedded, into: &projected, step)
    var key = step.take(rows: stream.count, columns: stream.columns)
    keyNorm.apply(projected.rows, into: &key, step)
    var query = step.take(rows: stream.count, columns: stream.columns)
    queryNorm.apply(stream, into: &query, step)
    multiplyLanes(key.rows, query.rows, scale: 1 / Float(shape.width).squareRoot(), into: &out, step)
    signedRoot(&out, least: 1e-6, step)
    sigmoid(&out, step)
  }
}

/// A table whose rows stand in several tensors, one behind another, all but the last of which have equally many.
private struct TableParts: RowTable {
  let parts: [Matrix]
  let rows: Int

  var columns: Int { parts[0].columns }
  var rowBytes: Int { parts[0].rowBytes }

  func unpackRow(_ index: Int, into out: UnsafeMutablePointer<Float>) {
    let size = parts[0].rows
    unsafe parts[index / size].unpackRow(index % size, into: out)
  }
}

extension WeightScope {
  /// A table, `weight`, or as many parts of it as there are said to be, `shard_N.weight`, all but the last of which have
  /// equally many rows.
  fileprivate func table(rows: Int, columns: Int, parts: Int) throws(ModelError) -> any RowTable {
    guard self["shard_0"].has("weight") else {
      return try table("weight", rows: rows, columns: columns, role: .embedding)
    }
    let size = (rows + parts - 1) / parts
    var read: [Matrix] = []
    for first in stride(from: 0, to: rows, by: size) {
      read.append(
        try self["shard_\(read.count)"].table(
          "weight", rows: min(size, rows - first), columns: columns, role: .embedding))
    }
    return TableParts(parts: read, rows: rows)
  }
}
