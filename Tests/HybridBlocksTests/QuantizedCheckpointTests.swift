import Foundation
import InferText
import TestSupport
import Testing

@testable import HybridBlocks
@testable import InferCore

/// Checkpoints that other programs quantised, against what their own packages make of them.
@Suite struct QuantizedCheckpointTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  static let all = Fixtures.folder.appending(path: "quantized")

  /// The formats that q, k, v, o, gate, up and down are read in.
  private static let formats: [(name: String, formats: [String])] = [
    ("fp8_128", ["FP8", "FP8", "FP8", "BF16", "FP8", "FP8", "BF16"]),
    ("fp8_block", Array(repeating: "BF16", count: 7)),
    ("fp8_tensor", ["FP8", "FP8", "FP8", "BF16", "FP8", "FP8", "BF16"]),
    ("compressed_mixed", ["Q4_0", "Q5_0", "FP8", "BF16", "FP4", "MXFP4", "Q8_0"]),
    ("compressed_int8", Array(repeating: "Q8_0", count: 7)),
    ("compressed_bits", ["Q4_0", "Q4_0", "Q4_0", "Q4_0", "I8_1", "I8_1", "I8_1"]),
    ("awq", Array(repeating: "Q5_0", count: 7)), ("gptq_4", Array(repeating: "Q4_0", count: 7)),
    ("gptq_4_zeros", Array(repeating: "Q5_0", count: 7)),
    ("gptq_4_ordered", ["F16", "F16", "F16", "Q5_0", "F16", "F16", "Q5_0"]),
    ("gptq_8", Array(repeating: "Q8_0", count: 7)), ("gptq_8_zeros", Array(repeating: "I8_1", count: 7)),
    ("bitsandbytes_8", Array(repeating: "Q8_0", count: 7)), ("bitsandbytes_4", Array(repeating: "BF16", count: 7)),
    ("mlx", ["Q4_1", "I8_1", "MXFP4", "Q5_1", "NVFP4", "BF16", "Q4_1"]),
    ("mlx_bits", ["Q4_1", "Q4_1", "I8_1", "Q4_1", "I8_1", "Q4_1", "Q4_1"]),
    ("modelopt", ["FP8", "FP4", "FP8", "FP4", "FP8", "FP4", "BF16"]),
  ]

  static let names = formats.map(\.name)

  private static let modules =
    ["q_proj", "k_proj", "v_proj", "o_proj"].map { "self_attn.\($0)" }
    + ["gate_proj", "up_proj", "down_proj"].map { "mlp.\($0)" }

  /// How far a weight may be off, for one: the numbers that it becomes are rounded, and so are scales that are no halves.
  private static func tolerance(_ fixture: String, _ format: String) -> Float {
    switch format {
    case "BF16": fixture == "compressed_mixed" ? 0x1p-8 : 0
    // What stands beside FP8 in the fixtures is rounded to BF16.
    case "FP8": fixture == "compressed_mixed" ? 1e-6 : 0x1p-8
    case "F16", "FP4": 0x1p-11
    default: fixture == "bitsandbytes_8" ? 0x1p-11 : 1e-6
    }
  }

  private static func joined(_ place: URL) throws -> Checkpoint {
    let file = place.appending(path: "config.json")
    let configuration = try Configuration(JSONValue(file: file), file: file)
    let layout = try QuantizedCheckpoints.layout(configuration, ConfigReader(configuration))
    return try Checkpoint(folder: place).joining(#require(layout))
  }

  @Test(arguments: formats) func weightsAreThoseThatAreMeant(_ fixture: (name: String, formats: [String])) throws {
    let place = Self.all.appending(path: fixture.name)
    let checkpoint = try Self.joined(place)
    let expected = try Fixtures.tensors(place.appending(path: "expected.safetensors"))
    #expect(checkpoint.tensors.count == expected.count + 4)
    for (module, format) in zip(Self.modules, fixture.formats) {
      let name = "model.layers.0.\(module).weight"
      let tensor = try #require(checkpoint.tensors[name])
      let reference = try #require(expected[name])
      #expect(tensor.type == format && tensor.shape == reference.shape, "\(name): \(tensor.type) \(tensor.shape)")
      let (got, want) = (try tensor.floats(), try reference.floats())
      // Offsets of codes of eight bits are half a range, as halves.
      let least = (format == "I8_1" ? 0x1p-12 : 1e-6) * (want.map(abs).max() ?? 0)
      let bound = Self.tolerance(fixture.name, format)
      let worst = zip(got, want).map { abs($0 - $1) - bound * abs($1) }.max() ?? 0
      #expect(worst <= (bound == 0 ? 0 : least), "\(name) in \(format): \(worst)")
    }
  }

  /// Whole models compute what their weights say, within what rounding activations to eight bits makes of it.
  @Test(arguments: names) func modelsComputeWithThem(_ name: String) throws {
    let place = Self.all.appending(path: name)
    var options = LoadOptions()
    options.refusesUnknownKeys = true
    let loaded = try loadModel(at: place, options: options)
    #expect(loaded.summary.warnings.isEmpty && loaded.summary.unreadTensors.isEmpty)
    let tokens: [Int32] = [5, 17, 9, 33, 2, 7, 61]
    let plain = try loadModel(at: try plain(place)).model.logits(of: tokens)
    let got = try loaded.model.logits(of: tokens)
    func norm(_ values: [Float]) -> Float { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let error = norm(zip(got, plain).map { $0 - $1 }) / norm(plain)
    #expect(got.count == plain.count && error < 0.02, "\(error)")
  }

  /// Stacks of experts as published files of Inkling 2 have them, which their configuration need not tell of.
  @Test func stacksOfExpertsAreThoseThatAreMeant() throws {
    let place = Self.all.appending(path: "expert_stacks")
    let stored = try Checkpoint(folder: place)
    #expect(MicroscaledLayout.isOf(stored))
    let checkpoint = try stored.joining(MicroscaledLayout())
    let expected = try Fixtures.tensors(place.appending(path: "expected.safetensors"))
    #expect(!expected.isEmpty)
    for (name, reference) in expected {
      let tensor = try #require(checkpoint.tensors[name])
      #expect(tensor.shape == reference.shape && (tensor.type == "BF16") == (stored.tensors[name + "_amax"] == nil))
      let (got, want) = (try tensor.floats(), try reference.floats())
      let bound: Float = tensor.type == "BF16" ? 0x1p-8 : 0x1p-10
      let worst = zip(got, want).map { abs($0 - $1) - bound * abs($1) }.max() ?? .infinity
      #expect(worst <= 1e-6, "\(name) in \(tensor.type): \(worst)")
    }
    #expect(Set(expected.keys.compactMap { checkpoint.tensors[$0]?.type }) == ["BF16", "FP4", "F16"])
    let tokens: [Int32] = [5, 17, 9, 33, 2, 7, 61]
    var options = LoadOptions()
    options.refusesUnknownKeys = true
    let loaded = try loadModel(at: place, options: options)
    #expect(loaded.summary.warnings.isEmpty && loaded.summary.unreadTensors.isEmpty)
    let got = try loaded.model.logits(of: tokens)
    let plain = try loadModel(at: try plain(place, checkpoint)).model.logits(of: tokens)
    #expect(distance(got, plain) <= 0.05)
  }

  /// A stack without the rest of what it is made of.
  @Test(arguments: ["_amax", "_outer_scale_denominator"]) func stacksThatLackAPartAreNamed(_ end: String) throws {
    let stored = try Checkpoint(folder: Self.all.appending(path: "expert_stacks"))
    var tensors = stored.tensors
    let name = "model.llm.layers.0.mlp.experts.w13_weight"
    tensors[name + end] = nil
    #expect {
      try Checkpoint(tensors).joining(MicroscaledLayout())
    } throws: { "\($0)".contains(name) }
  }

  /// The same model in F32.
  private func plain(_ place: URL) throws -> URL { try plain(place, Self.joined(place)) }

  private func plain(_ place: URL, _ checkpoint: Checkpoint) throws -> URL {
    let entries = try checkpoint.tensors.values.map {
      SafetensorsBytes.Entry($0.name, $0.shape, try $0.floats())
    }
    try folder.write("model.safetensors", SafetensorsBytes.file(entries))
    var config = try JSONValue(file: place.appending(path: "config.json"))
    for key in QuantizedCheckpoints.keys { config[key] = nil }
    try folder.write("config.json", config.serialized())
    return folder.url
  }

  /// Columns that were quantised in another order stay in four bits where a linear layer multiplies with them.
  @Test func orderedColumnsStayCodes() throws {
    let loaded = try loadModel(at: Self.all.appending(path: "gptq_4_ordered"))
    #expect(loaded.summary.formats.contains { $0.name == "Q5_0" && $0.tensorCount == 7 })
    #expect(!loaded.summary.formats.contains { $0.name == "F16" })
  }

  /// A file that is made of one computes what it does while it is loaded; what is four bits already stays so.
  @Test(arguments: [("fp8_128", "Q8_0"), ("gptq_4", "Q4_0"), ("mlx", "BF16")])
  func filesOfThemComputeTheSame(_ name: String, _ format: String) throws {
    let place = Self.all.appending(path: name)
    let output = folder.url.appending(path: "model.gguf")
    let quantization = try #require(Quantization(named: format))
    var options = LoadOptions()
    options.quantization = quantization
    let tokens: [Int32] = [5, 17, 9, 33]
    guard name != "mlx" else {
      // Codes have no other format than theirs.
      let error = #expect(throws: ModelError.self) { try quantizeModel(at: place, to: output, quantization) }
      #expect("\(error, default: "")".contains("already; quantising to BF16 needs"))
      return
    }
    _ = try quantizeModel(at: place, to: output, quantization)
    let before = try loadModel(at: place, options: options).model.logits(of: tokens)
    #expect(try loadModel(at: output).model.logits(of: tokens) == before)
  }

  /// Older tools kept what they did in files of their own.
  @Test(arguments: [("gptq_4_zeros", "quantize_config.json", "Q5_0"), ("awq", "quant_config.json", "Q5_0")])
  func filesBesideTheConfigurationTell(_ name: String, _ file: String, _ format: String) throws {
    let place = Self.all.appending(path: name)
    var config = try JSONValue(file: place.appending(path: "config.json"))
    let quantization = try #require(config["quantization_config"])
    config["quantization_config"] = nil
    try folder.write("config.json", config.serialized())
    try folder.write("model.safetensors", Array(Data(contentsOf: place.appending(path: "model.safetensors"))))
    let error = #expect(throws: ModelError.self) { try loadModel(at: folder.url) }
    #expect("\(error, default: "")".contains("the configuration does not say how"))
    try folder.write(file, quantization.serialized())
    #expect(try loadModel(at: folder.url).summary.formats.contains { $0.name == format && $0.tensorCount == 7 })
  }

  // MARK: Faults

  /// A copy of a fixture's tensors, to be changed.
  private struct Tensors {
    var entries: [(name: String, type: String, shape: [Int], bytes: [UInt8])] = []

    init(_ place: URL) throws {
      let file = try MappedFile(at: place.appending(path: "model.safetensors"))
      for tensor in try Safetensors.tensors(in: file) {
        let offset = tensor.place.offset
        entries.append((tensor.name, tensor.type, tensor.shape, file.copyBytes(offset..<offset + tensor.byteCount)))
      }
    }

    subscript(_ end: String) -> (name: String, type: String, shape: [Int], bytes: [UInt8]) {
      get { entries[entries.firstIndex { $0.name.hasExactSuffix(end) } ?? 0] }
      set { entries[entries.firstIndex { $0.name.hasExactSuffix(end) } ?? 0] = newValue }
    }

    mutating func remove(_ end: String) { entries.removeAll { $0.name.hasExactSuffix(end) } }

    var file: [UInt8] {
      SafetensorsBytes.file(entries.map { .init($0.name, $0.shape, type: $0.type, bytes: $0.bytes) })
    }
  }

  private func problem(
    _ name: String, _ tensors: (inout Tensors) -> Void = { _ in }, config: (inout JSONValue) -> Void = { _ in }
  ) throws -> String {
    let place = Self.all.appending(path: name)
    var changed = try Tensors(place)
    tensors(&changed)
    try folder.write("model.safetensors", changed.file)
    var json = try JSONValue(file: place.appending(path: "config.json"))
    config(&json)
    try folder.write("config.json", json.serialized())
    let error = #expect(throws: ModelError.self) { try loadModel(at: folder.url) }
    return "\(error, default: "nothing")"
  }

  @Test(arguments: [
    ("gptq_4", "q_proj.scales", "q_proj.scales: is missing, expected the scales of"),
    ("gptq_4", "q_proj.qzeros", "q_proj.qzeros: is missing, expected the zeros of"),
    ("awq", "up_proj.qzeros", "up_proj.qzeros: is missing"),
    ("fp8_block", "o_proj.weight_scale_inv", "o_proj.weight_scale_inv: is missing"),
    ("compressed_mixed", "q_proj.weight_scale", "q_proj.weight_scale: is missing"),
    ("compressed_mixed", "q_proj.weight_shape", "q_proj.weight_shape: is missing"),
    ("compressed_mixed", "k_proj.weight_zero_point", "k_proj.weight_zero_point: is missing"),
    ("compressed_mixed", "gate_proj.weight_global_scale", "gate_proj.weight_global_scale: is missing"),
    ("modelopt", "k_proj.weight_scale_2", "k_proj.weight_scale_2: is missing"),
    ("bitsandbytes_4", "k_proj.weight.quant_map", "k_proj.weight.quant_map: is missing"),
    ("bitsandbytes_4", "k_proj.weight.quant_state.bitsandbytes__fp4", "is missing, expected the shape of"),
    ("mlx", "q_proj.biases", "q_proj.biases: is missing, expected the offsets of"),
    ("mlx", "q_proj.weight", "q_proj.weight: is missing, expected codes of 4 bits"),
  ])
  func whatIsMissingIsNamed(_ fixture: String, _ end: String, _ message: String) throws {
    let problem = try problem(fixture) { $0.remove(end) }
    #expect(problem.contains(message), "\(problem)")
  }

  @Test(arguments: [
    ("gptq_4", "q_proj.scales", [32, 2], "q_proj.scales: is [32, 2] in F16, expected [2, 32]"),
    ("gptq_4", "q_proj.qzeros", [1, 8], "q_proj.qzeros: is [1, 8] in I32, expected [2, 4]"),
    ("gptq_4_ordered", "q_proj.g_idx", [8, 8], "q_proj.g_idx: is [8, 8] in I32, expected [64]"),
    ("gptq_4", "q_proj.qweight", [256], "q_proj.qweight: is [256] in I32, expected [columns"),
    ("gptq_4", "q_proj.qweight", [4, 64], "expected [1, 64]"),
    ("gptq_4", "q_proj.qweight", [2, 128], "is [2, 128] in I32, expected [columns"),
    ("awq", "q_proj.qweight", [4, 64], "expected [1, 512]"),
    ("fp8_block", "q_proj.weight_scale_inv", [4, 1], "expected [2, 2] in F32 or BF16 or F16 or F8_E8M0"),
    ("compressed_mixed", "q_proj.weight_packed", [16, 16], "expected rows of 64 codes of 4 bits"),
    ("compressed_mixed", "q_proj.weight_scale", [2, 32], "expected [32, 2]"),
    ("compressed_mixed", "gate_proj.weight_scale", [64, 2], "expected [32, 4] in F8_E4M3"),
    ("compressed_mixed", "up_proj.weight_scale", [64], "expected [32, 2] in U8"),
    ("bitsandbytes_8", "q_proj.SCB", [32, 1], "expected [32] in F32"),
    ("bitsandbytes_4", "v_proj.weight.absmax", [32, 1], "expected [32] in F32"),
    ("mlx", "q_proj.scales", [2, 32], "expected [32, 2]"),
    ("mlx", "q_proj.weight", [256], "expected a matrix of words"),
  ])
  func wrongShapesAreNamed(_ fixture: String, _ end: String, _ shape: [Int], _ message: String) throws {
    let problem = try problem(fixture) { $0[end].shape = shape }
    #expect(problem.contains(message), "\(problem)")
  }

  @Test func numbersThatCannotBeAreNamed() throws {
    var got = try problem("gptq_4_ordered") { $0["q_proj.g_idx"].bytes[4] = 2 }
    #expect(got.contains("q_proj.g_idx: has group 2 of column 1, expected 0 ..< 2"), "\(got)")
    got = try problem("gptq_4_ordered") { $0["q_proj.g_idx"].bytes[7] = 255 }
    #expect(got.contains("of column 1, expected 0 ..< 2"), "\(got)")
    got = try problem("gptq_4") { $0["q_proj.scales"].bytes[1] = 0x7C }
    #expect(got.contains("q_proj.weight: 1 of its scales or weights are NaN"), "\(got)")
    got = try problem("fp8_block") { $0["q_proj.weight"].bytes[3] = 0x7F }
    #expect(got.contains("q_proj.weight: 1 of its scales or weights are NaN"), "\(got)")
    got = try problem("bitsandbytes_8") { $0["q_proj.weight_format"].bytes[0] = 3 }
    #expect(got.contains("q_proj.weight_format: is [3], expected 0"), "\(got)")
    got = try problem("bitsandbytes_4") { $0["q_proj.weight.quant_state.bitsandbytes__nf4"].bytes[0] = 0 }
    #expect(got.contains("bitsandbytes__nf4: is no JSON"), "\(got)")
    got = try problem("compressed_mixed") { $0["q_proj.weight_shape"].bytes[7] = 1 }
    #expect(got.contains("q_proj.weight_shape: holds a size of"), "\(got)")
  }

  @Test(arguments: [
    ("gptq_4", "bits", "7", "bits: 7 is not supported, expected 2 or 3 or 4 or 8"),
    ("gptq_4", "group_size", "0", "group_size: is 0, expected an integer in 1"),
    ("gptq_4", "checkpoint_format", "\"marlin\"", "checkpoint_format: \"marlin\" is not supported"),
    ("gptq_4", "dynamic", "{\"+:.*q_proj\": {\"bits\": 8}}", "dynamic: modules with options of their own"),
    ("awq", "version", "\"gemv\"", "version: \"gemv\" is not supported, expected \"gemm\""),
    ("awq", "zero_point", "false", "zero_point: weights without zeros"),
    ("awq", "bits", "8", "bits: 8 is not supported, expected 4"),
    ("fp8_block", "weight_block_size", "[128]", "weight_block_size: is [128.0], expected the rows and the columns"),
    ("fp8_block", "weight_block_size", "[0, 128]", "weight_block_size: is [0.0, 128.0]"),
    ("fp8_block", "fmt", "\"e5m2\"", "fmt: \"e5m2\" is not supported"),
    ("fp8_block", "quant_method", "\"quanto\"", "quantised by quanto, which is not supported; expected one of"),
    ("compressed_int8", "format", "\"marlin-24\"", "format: \"marlin-24\" is not supported, expected one of dense"),
    ("compressed_int8", "config_groups", "null", "config_groups: is missing"),
    ("compressed_int8", "config_groups", "{}", "no group of config_groups is of its module"),
    (
      "compressed_int8", "config_groups", "{\"g\": {\"weights\": {\"strategy\": \"token\"}}}",
      "config_groups.g.weights.strategy: \"token\" is not supported"
    ),
    (
      "compressed_int8", "config_groups", "{\"g\": {\"weights\": {\"strategy\": \"group\", \"group_size\": 0}}}",
      "config_groups.g.weights.group_size: is 0"
    ),
    (
      "compressed_int8", "config_groups", "{\"g\": {\"targets\": [\"re:(\"], \"weights\": {}}}",
      "config_groups.g.targets: ("
    ),
    (
      "compressed_int8", "config_groups", "{\"g\": {\"weights\": {\"type\": \"float\", \"num_bits\": 4}}}",
      "num_bits: float of 4 bits by channel is not supported"
    ),
    ("compressed_int8", "transform_config", "{\"config_groups\": {\"a\": {}}}", "transform_config: transforms"),
    ("modelopt", "quant_algo", "\"W4A8_AWQ\"", "quant_algo: \"W4A8_AWQ\" is not supported, expected one of FP8"),
    ("mlx", "bits", "7", "bits: 7 is not supported"), ("mlx", "mode", "\"ternary\"", "mode: \"ternary\""),
    ("mlx", "group_size", "0", "group_size: is 0"),
  ])
  func whatTheConfigurationSaysIsChecked(_ fixture: String, _ key: String, _ value: String, _ message: String) throws {
    let value = try JSONValue(parsing: value)
    let outer = fixture == "mlx" ? "quantization" : "quantization_config"
    let problem = try problem(fixture, config: { $0[outer]?[key] = value })
    #expect(problem.contains("config.json: ") || problem.contains("tensor "))
    #expect(problem.contains(message), "\(problem)")
  }
}
