internal import Foundation
internal import InferCore
internal import InferText

/// Checkpoints that another tool quantised: how their configuration says that the tensors of a matrix are to be read.
enum QuantizedCheckpoints {
  /// The keys that describe the method: Hugging Face's, an older one of compressed-tensors, and MLX's.
  static let keys = ["quantization_config", "compression_config", "quantization"]

  /// The methods that are read, as `quant_method` spells them.
  static let methods = [
    "auto-round", "awq", "bitsandbytes", "compressed-tensors", "fbgemm_fp8", "fp8", "gptq", "modelopt", "mxfp4",
    "mxfp8",
  ]

  /// The layout of a checkpoint's tensors; `nil` where each is read as it is, or where no configuration tells.
  ///
  /// - Parameters:
  ///   - config: the model's configuration.
  ///   - reader: the reader of it.
  /// - Throws: `ModelError` that names the key, the method and those that are read.
  static func layout(_ config: Configuration, _ reader: ConfigReader) throws(ModelError) -> (any QuantizedLayout)? {
    reader.ignore(keys)
    if let layout = try layout(config.values, reader) { return layout }
    guard let inner = config["text_config"], keys.contains(where: { inner[$0] != nil }),
      let text = try reader.object("text_config")
    else { return nil }
    text.ignore(keys)
    return try layout(inner, text)
  }

  /// The layout that a file beside the configuration tells of, as older tools have it.
  ///
  /// - Parameters:
  ///   - folder: the folder of the checkpoint.
  ///   - outer: the reader of the model's configuration.
  /// - Throws: `ModelError` that names the file and the key.
  static func layout(beside folder: URL, _ outer: ConfigReader) throws(ModelError) -> (any QuantizedLayout)? {
    for name in ["quantize_config.json", "quant_config.json", "hf_quant_config.json"] {
      let file = folder.appending(path: name)
      guard FileManager.default.fileExists(atPath: file.path) else { continue }
      let values = try JSONValue(file: file)
      let reader = try ConfigReader(values, file: file)
      let config = QuantizedConfiguration(key: name, values: values, reader: reader, outer: outer)
      switch name {
      case "quantize_config.json": return try config.gptq()
      case "quant_config.json": return try config.awq()
      default:
        guard let inner = try reader.object("quantization"), let members = values["quantization"] else { continue }
        return try QuantizedConfiguration(key: name, values: members, reader: inner, outer: outer).modelOpt()
      }
    }
    return nil
  }

  private static func layout(
    _ values: JSONValue, _ reader: ConfigReader
  ) throws(ModelError) -> (any QuantizedLayout)? {
    for key in keys {
      guard let members = values[key]?.object, !members.isEmpty, let value = values[key],
        let config = try reader.object(key)
      else { continue }
      if let layout = try layout(QuantizedConfiguration(key: key, values: value, reader: config, outer: reader)) {
        return layout
      }
    }
    return nil
  }

  private static func layout(
    _ config: QuantizedConfiguration
  ) throws(ModelError) -> (any QuantizedLayout)? {
    guard let method = config.values["quant_method"]?.string else {
      if config.values["load_in_8bit"] != nil || config.values["load_in_4bit"] != nil { return BitsAndBytesLayout() }
      if config.values["bits"] != nil { return try config.mlx() }
      throw refusal(config, "quant_method", "a method without a name")
    }
    switch method {
    // The two tensors of such weights are read as one.
    case "mxfp4": return nil
    case "fp8": return try config.float8()
    case "mxfp8": return MicroscaledLayout()
    case "fbgemm_fp8": return Float8Layout(block: nil)
    case "gptq": return try config.gptq()
    case "awq": return try config.awq()
    case "auto-round", "intel/auto-round": return try config.autoRound()
    case "compressed-tensors": return try config.compressedTensors()
    case "bitsandbytes": return BitsAndBytesLayout()
    case "modelopt": return try config.modelOpt()
    default: throw refusal(config, "quant_method", method)
    }
  }

  private static func refusal(_ config: QuantizedConfiguration, _ key: String, _ method: String) -> ModelError {
    config.reader.wrong(key, because: "the weights are quantised by \(method), \(expectation)")
  }

  private static var expectation: String {
    "which is not supported; expected one of \(methods.joined(separator: ", ")), MLX's, a checkpoint in F32, F16 or BF16, "
      + "which `quantize` and --quantize make smaller, or a GGUF file"
  }

  /// Refuses the tensors of such a checkpoint where nothing tells how they are to be read.
  ///
  /// - Throws: `ModelError` that names a tensor, the methods that have such, and what is expected.
  static func check(_ checkpoint: Checkpoint) throws(ModelError) {
    let marks = [
      (".qweight", "GPTQ or AWQ"), (".weight_packed", "compressed-tensors"), (".weight_scale", "FP8"),
      (".weight_scale_inv", "FP8"), (".SCB", "bitsandbytes"), (".weight.absmax", "bitsandbytes"),
    ]
    for name in checkpoint.tensors.keys {
      guard let mark = marks.first(where: { name.hasExactSuffix($0.0) }) else { continue }
      throw .tensor(
        name: name,
        reason: "is of weights that \(mark.1) quantised, and the configuration does not say how; expected "
          + "quantization_config in it, or quantize_config.json or quant_config.json beside it")
    }
  }
}
