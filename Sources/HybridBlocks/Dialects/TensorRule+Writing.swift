internal import InferCore

/// A tensor of a file to be written, and the parts that it is made of, one behind another.
struct FileTensor: Sendable {
  let name: String
  /// Sizes, slowest first.
  let shape: [Int]
  let parts: [Tensor]
  var format = WeightFormat.f32
  /// The layout of the panels that it is written in; `nil` for rows.
  var panels: PanelLayout?
  /// Bytes of the checkpoint that are dealt with once it is written.
  var sourceBytes = 0
}

// The other direction: a file's tensors, made of the family's. Moving whole rows gives the same before they are quantised
// and after.
extension TensorRule {
  /// Lists of names of the family's tensors that this rule writes: as checkpoints have them, and as they are when they are
  /// read of a file of llama.cpp's.
  var sourceNames: [[String]] {
    switch form {
    case .rates, .incremented, .gateAndUp, .keysAndValues, .queryToGate, .turned: [[name], resultNames]
    default: [resultNames]
    }
  }

  /// The file's tensors.
  ///
  /// - Parameter sources: the family's, by one list of ``sourceNames``.
  func write(_ sources: [Tensor]) throws(ModelError) -> [FileTensor] {
    let source = sources[0]
    let isPlain = source.name == name
    switch form {
    case .same, .speeds: return [whole(source)]
    case .vector(let shape): return [whole(source, shape: shape)]
    case .flattened: return [whole(source, shape: [source.count])]
    case .repeated: return file.map { FileTensor(name: $0, shape: source.shape, parts: [source]) }
    case .turned:
      guard isPlain else { return [whole(source)] }
      let isMatrix = source.shape.count == 2
      let turned = try (isMatrix ? source.renamed(name, shape: [1] + source.shape) : source).transposed(name)
      return [whole(turned, shape: isMatrix ? Array(source.shape.reversed()) : turned.shape)]
    case .row: return [whole(source)]
    case .convolution: return [whole(source, shape: [source.shape[0], source.count / max(source.shape[0], 1)])]
    case .pairs(let heads, let rotated):
      let size = try source.pairedRows(heads)
      let half = (rotated ?? size) / 2
      return [
        whole(
          try source.reordered(name) { row in
            let place = row % size
            return place < 2 * half ? row - place + place % 2 * half + place / 2 : row
          })
      ]
    case .rates(let isColumn):
      return [
        whole(
          isPlain ? mapped(source) { decayRate(logarithm: $0) } : source,
          shape: isColumn ? [source.count, 1] : source.shape)
      ]
    case .incremented: return [whole(isPlain ? mapped(source) { $0 + 1 } : source)]
    case .scaled(let factors): return [whole(scaled(source, factors))]
    case .odds:
      let rows = Tensor.computed([source], name: name, shape: [2, source.count]) { parts in
        parts[0] + Array(repeating: 0, count: parts[0].count)
      }
      return [whole(rows)]
    case .experts, .parts: return [FileTensor(name: file[0], shape: [sources.count] + source.shape, parts: sources)]
    case .gateAndUp, .keysAndValues, .queryToGate:
      if !isPlain { return zip(file, sources).map { FileTensor(name: $0, shape: $1.shape, parts: [$1]) } }
      return try apart(source)
    }
  }

  private func whole(_ tensor: Tensor, shape: [Int]? = nil) -> FileTensor {
    FileTensor(name: file[0], shape: shape ?? tensor.shape, parts: [tensor])
  }

  private func mapped(_ tensor: Tensor, _ transform: @escaping @Sendable (Float) -> Float) -> Tensor {
    .computed([tensor], name: name, shape: tensor.shape) { $0[0].map(transform) }
  }

  private func scaled(_ tensor: Tensor, _ factors: [Float]) -> Tensor {
    guard factors.contains(where: { $0 != 1 }) else { return tensor }
    let columns = max(tensor.count / max(factors.count, 1), 1)
    return .computed([tensor], name: name, shape: tensor.shape) { parts in
      parts[0].indices.map { parts[0][$0] * factors[$0 / columns] }
    }
  }

  private func gateAndUp(_ both: Tensor, _ experts: Int?) throws(ModelError) -> [FileTensor] {
    let (count, columns) = (experts ?? 1, both.shape[both.shape.count - 1])
    let half = both.shape[both.shape.count - 2] / 2
    let rows = both.renamed(name, shape: [count * 2 * half, columns])
    var tensors: [FileTensor] = []
    for (index, file) in file.enumerated() {
      var parts: [Tensor] = []
      for expert in 0..<count {
        let first = (2 * expert + index) * half
        parts.append(try rows.slices(first..<first + half, name: name))
      }
      let stack = experts.map { [$0] } ?? []
      tensors.append(FileTensor(name: file, shape: stack + [half, columns], parts: parts))
    }
    return tensors
  }

  /// Two tensors, made of rows of one.
  private func apart(_ source: Tensor) throws(ModelError) -> [FileTensor] {
    switch form {
    case .gateAndUp(let experts): return try gateAndUp(source, experts)
    case .keysAndValues(let heads, let keys): return try keysAndValues(source, heads: heads, keys: keys)
    case .queryToGate(let heads, let keys, let values):
      return try queryToGate(source, heads: heads, keys: keys, values: values)
    default: return [whole(source)]
    }
  }

  private func queryToGate(_ all: Tensor, heads: Int, keys: Int, values: Int) throws(ModelError) -> [FileTensor] {
    let sizes = [keys, keys, values, values]
    let apart = sizes.reduce(0, +)
    var slices: [[Tensor]] = []
    for (index, size) in sizes.enumerated() {
      let first = sizes[..<index].reduce(0, +)
      var parts: [Tensor] = []
      for head in 0..<heads {
        parts.append(try all.slices(head * apart + first..<head * apart + first + size, name: name))
      }
      slices.append(parts)
    }
    let columns = all.shape[1]
    return [
      FileTensor(name: file[0], shape: [heads * (apart - values), columns], parts: Array(slices[..<3].joined())),
      FileTensor(name: file[1], shape: [heads * values, columns], parts: slices[3]),
    ]
  }

  private func keysAndValues(_ both: Tensor, heads: Int, keys: Int) throws(ModelError) -> [FileTensor] {
    let rows = both.shape[0] / heads
    let ofKeys = try both.rows(0..<keys, ofEach: rows, name: name).transposed(name)
    let ofValues = both.rows(keys..<rows, ofEach: rows, name: name)
    return zip(file, [ofKeys, ofValues]).map { FileTensor(name: $0, shape: $1.shape, parts: [$1]) }
  }
}
