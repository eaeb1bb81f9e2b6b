internal import InferCore
internal import InferText

extension Dialect {
  /// The configuration of a file's model, under the keys that the family reads.
  static func configuration(_ file: GGUFDescription) throws(ModelError) -> Configuration {
    var config = Configuration(file: file.url, architecture: file.architecture)
    for field in fields { try field.read(file, into: &config) }
    let layers = try file.count("block_count")
    let ahead = try file.count("nextn_predict_layers", default: 0)
    guard layers > ahead, layers <= ConfigReader.largestSize else {
      throw file.wrong("block_count", "\(layers)", "a count of layers, \(ahead) of which predict further tokens")
    }
    config.set("num_hidden_layers", .integer(layers - ahead), from: "block_count")
    let rows = try file.shape(of: "token_embd.weight", dimensions: 2)[0]
    config.set("vocab_size", .integer(rows), from: .tensor("token_embd.weight"))
    config.set("tie_word_embeddings", .bool(file.tensors["output.weight"] == nil), from: .tensor("output.weight"))
    try complete(&config, from: file)
    return config
  }

  /// The file's tensors under the names that the family reads, and as it reads them. Tensors of unknown names keep
  /// them, so that the family refuses them.
  static func checkpoint(_ file: GGUFDescription, config: Configuration) throws(ModelError) -> Checkpoint {
    let found = try Families.family(for: ConfigReader(config))
    guard let family = found as? Family else {
      throw .malformed(
        at: file.url,
        reason: "its configuration is that of \(type(of: found)), and its architecture \"\(file.architecture)\"")
    }
    let layers = family.layerCount
    // Every layer has tensors: a count beyond theirs is a mistake, or meant to cost memory.
    guard layers <= file.tensors.count else {
      throw file.wrong("block_count", "\(layers)", "at most as many layers as there are tensors, \(file.tensors.count)")
    }
    let last = try file.count("block_count", default: layers)
    var left = Dictionary(uniqueKeysWithValues: file.tensors.map { (ExactText($0.key), $0.value) })
    var tensors: TextDictionary<Tensor> = [:]
    for rule in rules(family).expanded(layers: layers) {
      let parts = rule.file.compactMap { left[ExactText($0)] }
      guard parts.count == rule.file.count else { continue }
      for tensor in try rule.read(parts) { tensors[tensor.name] = tensor }
      for part in parts { left[ExactText(part.name)] = nil }
    }
    for (name, tensor) in left
    where !isAhead(name.string, of: layers, last: last) && !GGUFDescription.configuring.contains(name.string) {
      tensors[name.string] = tensor
    }
    return Checkpoint(tensors)
  }

  /// Whether a tensor belongs to a layer behind the model's own. Such layers, up to `last`, predict tokens further ahead and
  /// are not used.
  private static func isAhead(_ name: String, of layers: Int, last: Int) -> Bool {
    let parts = name.split(separator: ".", maxSplits: 2)
    guard parts.count > 1, parts[0] == "blk", let layer = Int(parts[1]) else { return false }
    return layer >= layers && layer < last
  }
}
