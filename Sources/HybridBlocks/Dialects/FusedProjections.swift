internal import InferCore
internal import InferText

extension GGUFDescription {
  /// Takes queries, keys and values apart: a file may hold those of a layer as one tensor, whose rows are those of the
  /// queries, then of the keys, then of the values.
  ///
  /// Layers of linear attention have such a tensor as well, which stays whole: they have no `attn_output`, or a norm of what
  /// they make of it, `attn_norm_2`.
  ///
  /// - Throws: `ModelError` when the tensor has not the rows that the metadata promise.
  mutating func separateProjections() throws(ModelError) {
    var whole: Set<ExactText> = []
    for (name, tensor) in tensors where name.hasExactPrefix("blk.") && name.containsExactly(".attn_qkv.") {
      let parts = name.split(separator: ".")
      guard parts.count == 4, let layer = Int(parts[1]), tensors["blk.\(layer).attn_output.weight"] != nil,
        tensors["blk.\(layer).attn_norm_2.weight"] == nil
      else {
        continue
      }
      let (keys, values) = try keyAndValueRows(layer: layer)
      let rows = tensor.shape.first ?? 0
      guard rows > keys + values else {
        throw .tensor(
          name: name,
          reason: "has shape \(tensor.shape), expected more than the \(keys) rows of keys and \(values) of values")
      }
      let ranges = [
        ("q", 0..<rows - keys - values), ("k", rows - keys - values..<rows - values), ("v", rows - values..<rows),
      ]
      for (part, range) in ranges where !range.isEmpty {
        let own = "blk.\(layer).attn_\(part).\(parts[3])"
        guard tensors[own] == nil else { throw .tensor(name: own, reason: "is there, and in \(name) as well") }
        tensors[own] = try tensor.slices(range, name: own)
      }
      whole.insert(name)
    }
    tensors = TextDictionary(
      uniqueKeysWithValues: tensors.lazy.filter { !whole.contains($0.key) }.map { ($0.key, $0.value) })
  }

  /// The numbers of rows of a layer that make keys and values.
  private func keyAndValueRows(layer: Int) throws(ModelError) -> (keys: Int, values: Int) {
    let heads = try count("attention.head_count", layer: layer)
    let keyHeads = try count("attention.head_count_kv", layer: layer, default: heads)
    let width = try count("embedding_length")
    guard heads > 0 else { throw wrong("attention.head_count", "0", "a count above 0") }
    var keyLength = try count("attention.key_length", default: width / heads)
    var valueLength = try count("attention.value_length", default: keyLength)
    if let windows = try flags("attention.sliding_window_pattern", through: layer), windows[layer] {
      keyLength = try count("attention.key_length_swa", default: keyLength)
      valueLength = try count("attention.value_length_swa", default: valueLength)
    }
    for (key, value) in [("head_count_kv", keyHeads), ("key_length", keyLength), ("value_length", valueLength)] {
      guard value <= ConfigReader.largestSize else {
        throw wrong("attention.\(key)", "\(value)", "at most \(ConfigReader.largestSize)")
      }
    }
    return (keyHeads * keyLength, keyHeads * valueLength)
  }

  /// The truth values of layers up to one; `nil` where they are not listed.
  private func flags(_ key: String, through layer: Int) throws(ModelError) -> [Bool]? {
    guard let list = value(key)?.array, list.indices.contains(layer) else { return nil }
    return try flags(key, layers: layer + 1)
  }

  /// A count of a layer: on disk one of a list, or one for all.
  private func count(_ key: String, layer: Int, default fallback: Int? = nil) throws(ModelError) -> Int {
    guard let list = value(key)?.array else { return try count(key, default: fallback) }
    guard list.indices.contains(layer), let count = list[layer].count else {
      throw wrong(key, "a list of \(list.count) values", "a count for layer \(layer)")
    }
    return count
  }
}
