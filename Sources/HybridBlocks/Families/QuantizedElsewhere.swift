internal import InferCore
internal import InferText
internal import OrderedCollections

/// Checkpoints in the quantised formats of other tools, which are not read.
enum QuantizedElsewhere {
  /// The keys that describe the method: Hugging Face's, an older one of compressed-tensors, and MLX's.
  private static let keys = ["quantization_config", "compression_config", "quantization"]

  /// Refuses the configuration of such a checkpoint before its tensors are missed under their usual names.
  ///
  /// - Throws: `ModelError` that names the key, the method and the formats that are read.
  static func check(_ config: Configuration) throws(ModelError) {
    for (prefix, part) in [("", config.values), ("text_config.", config["text_config"] ?? .null)] {
      for key in keys {
        guard let value = part[key], let members = value.object, !members.isEmpty else { continue }
        let (name, method) = method(of: value, key)
        // The two tensors of such weights are read as one.
        if method == "mxfp4" { continue }
        throw .configuration(
          at: config.file, key: prefix + name,
          reason: "the weights are quantised by \(method), \(expectation)")
      }
    }
  }

  private static let expectation =
    "which is not supported; expected a checkpoint in F32, F16 or BF16, which `quantize` and --quantize make smaller, in "
    + "MXFP4 as gpt-oss has it, or a GGUF file"

  /// Refuses the tensors of such a checkpoint where no configuration tells: older tools kept the method in a file of
  /// their own.
  ///
  /// - Throws: `ModelError` that names a tensor, the method and the formats that are read.
  static func check(_ checkpoint: Checkpoint) throws(ModelError) {
    let marks = [
      (".qweight", "GPTQ or AWQ"), (".weight_packed", "compressed-tensors"), (".weight_scale", "scales of FP8"),
    ]
    for name in checkpoint.tensors.keys {
      guard let mark = marks.first(where: { name.hasExactSuffix($0.0) }) else { continue }
      throw .tensor(name: name, reason: "the weights are quantised by \(mark.1), \(expectation)")
    }
  }

  private static func method(of value: JSONValue, _ key: String) -> (name: String, method: String) {
    if let method = value["quant_method"]?.string { return ("\(key).quant_method", method) }
    if value["load_in_8bit"] != nil || value["load_in_4bit"] != nil { return (key, "bitsandbytes") }
    if let bits = value["bits"]?.int { return (key, "MLX (\(bits) bits)") }
    return (key, "a method without a name")
  }
}
