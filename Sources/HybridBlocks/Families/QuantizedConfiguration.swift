internal import InferCore
internal import InferText

/// The part of a configuration that describes quantised weights.
struct QuantizedConfiguration {
  /// Its key.
  let key: String
  /// Its members.
  let values: JSONValue
  /// Their reader.
  let reader: ConfigReader
  /// The reader of the configuration that it stands in.
  let outer: ConfigReader

  // MARK: Methods

  func float8() throws(ModelError) -> any QuantizedLayout {
    let format = try reader.string("fmt", default: "e4m3")
    try reader.require(format == "e4m3", "fmt", "\"\(format)\" is not supported, expected \"e4m3\"")
    return Float8Layout(block: try block(reader, "weight_block_size"))
  }

  func gptq() throws(ModelError) -> any QuantizedLayout {
    let form = try reader.string("checkpoint_format", default: "gptq")
    try reader.require(
      ["gptq", "gptq_v2"].contains(form), "checkpoint_format",
      "\"\(form)\" is not supported, expected \"gptq\" or \"gptq_v2\"")
    let isMarlin = try reader.flag("is_marlin_format", default: false)
    try reader.require(!isMarlin, "is_marlin_format", "weights in Marlin's order are not supported")
    let changed = values["dynamic"]?.keys.first { !$0.hasExactPrefix("-:") }
    try reader.require(
      changed == nil, "dynamic", "modules with options of their own (\(changed ?? "")) are not supported")
    return try gptq(hasLesserZeros: form == "gptq")
  }

  private func gptq(hasLesserZeros: Bool) throws(ModelError) -> GPTQLayout {
    GPTQLayout(
      bits: try bits(of: GPTQLayout.knownBits), groupSize: try groupSize(reader),
      isSymmetric: try reader.flag("sym", default: false), hasLesserZeros: hasLesserZeros)
  }

  func awq() throws(ModelError) -> any QuantizedLayout {
    let version = try reader.string("version", default: "gemm")
    try reader.require(
      version.lowercased() == "gemm", "version", "\"\(version)\" is not supported, expected \"gemm\"")
    let hasZeros = try reader.flag("zero_point", default: true)
    try reader.require(hasZeros, "zero_point", "weights without zeros are not supported")
    return try awqLayout()
  }

  private func awqLayout() throws(ModelError) -> AWQLayout {
    _ = try bits(of: [4])
    return AWQLayout(groupSize: try groupSize(reader))
  }

  /// AutoRound's results, which it packs as one of the other methods do.
  func autoRound() throws(ModelError) -> any QuantizedLayout {
    let packing = try reader.string("packing_format", default: "auto_round:auto_gptq")
    switch packing {
    case "auto_round:auto_gptq", "auto_gptq": return try gptq(hasLesserZeros: true)
    case "auto_round:auto_awq", "auto_awq": return try awqLayout()
    default:
      throw reader.wrong(
        "packing_format",
        because: "\"\(packing)\" is not supported, expected \"auto_round:auto_gptq\" or \"auto_round:auto_awq\"")
    }
  }

  func modelOpt() throws(ModelError) -> any QuantizedLayout {
    let algorithm = try reader.string("quant_algo")
    let known = ["FP8", "NVFP4", "MIXED_PRECISION"]
    try reader.require(
      known.contains(algorithm), "quant_algo",
      "\"\(algorithm)\" is not supported, expected one of \(known.joined(separator: ", "))")
    return ModelOptLayout()
  }

  func mlx() throws(ModelError) -> any QuantizedLayout {
    // Its converter changes the weights of some architectures, and not only their names.
    let type = try outer.string("model_type", default: "")
    let changed = ["falcon_h1", "qwen3_next", "qwen3_5", "qwen3_5_moe", "qwen3_5_text", "qwen3_5_moe_text"]
    guard !changed.contains(type) else {
      throw outer.wrong(
        key, because: "MLX's converter changes the numbers of \(type), which is not supported; expected the original")
    }
    var others: TextDictionary<MLXLayout.Scheme> = [:]
    for (name, value) in values.object ?? [:] where value.object != nil {
      if let config = try reader.object(name) { others[name] = try Self.mlxScheme(config) }
    }
    return MLXLayout(try Self.mlxScheme(reader), others: others)
  }

  private static func mlxScheme(_ config: ConfigReader) throws(ModelError) -> MLXLayout.Scheme {
    let name = try config.string("mode", default: "affine")
    guard let mode = MLXLayout.Scheme.Mode(rawValue: name) else {
      let known = MLXLayout.Scheme.Mode.allCases.map(\.rawValue).joined(separator: ", ")
      throw config.wrong("mode", because: "\"\(name)\" is not supported, expected one of \(known)")
    }
    let bits = try config.size("bits", default: mode == .mxfp8 ? 8 : 4)
    try config.require(
      MLXLayout.Scheme.knownBits.contains(bits), "bits", "\(bits) is not supported, expected 2, 3, 4, 5, 6 or 8")
    return MLXLayout.Scheme(mode: mode, bits: bits, groupSize: try config.size("group_size", default: 64))
  }

  // MARK: Values

  private func bits(of known: [Int]) throws(ModelError) -> Int {
    let bits = try reader.size("bits", "w_bit")
    try reader.require(
      known.contains(bits), "bits",
      "\(bits) is not supported, expected \(known.map(String.init).joined(separator: " or "))")
    return bits
  }

  /// Columns that share a scale; `nil` for all of a row, which is −1 in files.
  private func groupSize(_ config: ConfigReader) throws(ModelError) -> Int? {
    if try config.number("group_size", "q_group_size") == -1 { return nil }
    return try config.size("group_size", "q_group_size")
  }

  /// Rows and columns of a block; `nil` where there are none.
  private func block(_ config: ConfigReader, _ key: String) throws(ModelError) -> (rows: Int, columns: Int)? {
    guard let sizes = try config.numbers(key) else { return nil }
    let whole = sizes.compactMap { Int(exactly: $0) }.filter { 1...ConfigReader.largestSize ~= $0 }
    try config.require(
      sizes.count == 2 && whole.count == 2, key, "is \(sizes), expected the rows and the columns of a block")
    return (whole[0], whole[1])
  }
}

// MARK: compressed-tensors

extension QuantizedConfiguration {
  /// A group of modules whose weights are stored alike.
  private struct Group: Sendable {
    let scheme: CompressedLayout.Scheme?
    let names: [String]
    let patterns: [NamePattern]
    let classes: [String]

    func names(_ module: String) -> Bool {
      names.contains { $0.isExactly(module) } || patterns.contains { $0.matches(module) }
    }

    func isOfClass(_ module: String) -> Bool {
      // Only names of classes are known of other modules than embeddings.
      let isEmbedding = module.hasExactSuffix("embed_tokens")
      return classes.contains { $0.hasExactPrefix("Embedding") == isEmbedding }
    }
  }

  private static let formats = [
    "dense", "float-quantized", "int-quantized", "mixed-precision", "mxfp4-pack-quantized", "mxfp8-quantized",
    "naive-quantized", "nvfp4-pack-quantized", "pack-quantized",
  ]

  func compressedTensors() throws(ModelError) -> any QuantizedLayout {
    try checkFormat(reader)
    if let sparsity = values["sparsity_config"], let members = sparsity.object, !members.isEmpty,
      let config = try reader.object("sparsity_config")
    {
      let format = try config.string("format", default: "dense")
      try config.require(format == "dense", "format", "\"\(format)\" is not supported, expected \"dense\"")
    }
    let transforms = values["transform_config"]?["config_groups"]?.object ?? [:]
    try reader.require(
      transforms.isEmpty, "transform_config", "transforms of activations are not supported")
    guard let groups = try reader.object("config_groups"), let members = values["config_groups"]?.object else {
      throw reader.wrong("config_groups", because: "is missing, expected groups of modules")
    }
    var all: [Group] = []
    for name in members.keys {
      guard let group = try groups.object(name) else { continue }
      all.append(try Self.group(group, self))
    }
    let known = all
    return CompressedLayout { module in
      let group = known.first { $0.names(module) } ?? known.first { $0.isOfClass(module) }
      return (group ?? (known.count == 1 ? known[0] : nil))?.scheme
    }
  }

  private func checkFormat(_ config: ConfigReader) throws(ModelError) {
    let format = try config.string("format", default: "dense")
    try config.require(
      Self.formats.contains(format), "format",
      "\"\(format)\" is not supported, expected one of \(Self.formats.joined(separator: ", "))")
  }

  private static func group(
    _ config: ConfigReader, _ whole: QuantizedConfiguration
  ) throws(ModelError) -> Group {
    try whole.checkFormat(config)
    var (names, patterns, classes): ([String], [NamePattern], [String]) = ([], [], [])
    for target in try config.strings("targets") ?? [] {
      if let pattern = target.removing(exactPrefix: "re:") {
        do throws(TokenizerError) { patterns.append(try NamePattern(pattern)) } catch {
          throw config.wrong("targets", because: "\(pattern): \(error)")
        }
      } else if target.utf8.contains(UInt8(ascii: ".")) {
        names.append(target)
      } else {
        classes.append(target)
        names.append(target)
      }
    }
    let weights = try config.object("weights")
    return Group(
      scheme: try weights.map { weights throws(ModelError) in try whole.scheme(weights) }, names: names,
      patterns: patterns, classes: classes)
  }

  private func scheme(_ weights: ConfigReader) throws(ModelError) -> CompressedLayout.Scheme {
    let bits = try weights.size("num_bits", default: 8)
    let type = try weights.string("type", default: "int").lowercased()
    let size = weights.has("group_size") ? try groupSize(weights) : nil
    let strategy = try weights.string("strategy", default: size == nil ? "channel" : "group").lowercased()
    let strategies = ["tensor", "channel", "group", "block", "tensor_group"]
    try weights.require(
      strategies.contains(strategy), "strategy",
      "\"\(strategy)\" is not supported, expected one of \(strategies.joined(separator: ", "))")
    let isGrouped = ["group", "tensor_group"].contains(strategy)
    try weights.require(!isGrouped || size != nil, "group_size", "is missing, expected the columns of a group")
    switch (type, bits) {
    case ("int", 1...8):
      try weights.require(
        ["tensor", "channel", "group"].contains(strategy), "strategy", "\"\(strategy)\" is not one of integers")
      return .integers(
        bits: bits, groupSize: isGrouped ? size : nil, isSymmetric: try weights.flag("symmetric", default: true))
    case ("float", 8):
      if strategy == "block" {
        guard let block = try block(weights, "block_structure") else {
          throw weights.wrong("block_structure", because: "is missing, expected the rows and the columns of a block")
        }
        return .float8(blockRows: block.rows, blockColumns: block.columns)
      }
      if isGrouped, let size { return .float8(blockRows: 1, blockColumns: size) }
      return .float8Rows
    case ("float", 4) where strategy == "tensor_group" && size == 16: return .nvfp4
    case ("float", 4) where strategy == "group" && size == 32: return .mxfp4
    default:
      throw weights.wrong(
        "num_bits",
        because:
          "\(type) of \(bits) bits by \(strategy) is not supported, expected int of up to 8 bits, float of 8, or float "
          + "of 4 in groups of 16 (tensor_group) or 32 (group)")
    }
  }
}
