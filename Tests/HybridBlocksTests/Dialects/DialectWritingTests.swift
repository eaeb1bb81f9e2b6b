import Foundation
import HybridBlocks
import InferCore
import InferText
import TestSupport
import Testing

/// Files that are written against those that llama.cpp's own converter makes of the same checkpoints.
@Suite struct DialectWritingTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// What the converter says otherwise, or says although nobody reads it, with the reason.
  private static let otherwise: [String: [String: String]] = [
    "deepseek2-lite": ["attention.q_lora_rank": "a default that the model does not have"],
    "granitehybrid": ["context_length": "a million, where there are no positions", "rope.freq_base": "no positions"],
    "granitehybrid-dense": [
      "context_length": "a million, where there are no positions", "rope.freq_base": "no positions",
      "feed_forward_length": "not the width of its network, and llama.cpp cannot load the file",
      "expert_count": "none", "expert_used_count": "none",
    ],
    "hunyuan-dense": [
      "context_length": "always 262144", "rope.scaling.type": "none", "rope.scaling.factor": "none",
      "rope.scaling.original_context_length": "always 262144",
    ],
    "rwkv6": ["rescale_every_n_layers": "a checkpoint's weights are not halved"],
    "nemotron_h_moe": ["context_length": "a million, where there are no positions"],
  ]

  @Test(arguments: GGUFParityTests.architectures) func filesAreThoseOfTheConverter(_ name: String) throws {
    let expected = try GGUF(MappedFile(at: GGUFParityTests.file("\(name).gguf")))
    try makeCheckpoint(of: name)
    let output = folder.url.appending(path: "written.gguf")
    let format = name == "falcon-h1" ? "F32" : "BF16"
    let result = try quantizeModel(at: folder.url, to: output, try #require(Quantization(named: format)))
    let written = try GGUF(MappedFile(at: output))
    // The converter takes models without experts for such with the default ones.
    let isMistaken = name == "nemotron_h"
    let architecture = try #require(isMistaken ? name : expected.metadata["general.architecture"]?.string)
    #expect(result.form == .llamaCpp(architecture: architecture))
    if !isMistaken { try expectMetadata(written, expected, architecture, Self.otherwise[name] ?? [:]) }
    try expectTensors(written, expected)
  }

  private func expectMetadata(
    _ written: GGUF, _ expected: GGUF, _ architecture: String, _ otherwise: [String: String]
  ) throws {
    for (key, value) in expected.metadata
    where key.hasPrefix("\(architecture).") || ["general.architecture", "general.file_type"].contains(key) {
      let name = key.hasPrefix("general") ? key : String(key.dropFirst(architecture.count + 1))
      guard otherwise[name] == nil else {
        #expect(written.metadata[key] != value, "\(key) is as the converter has it")
        continue
      }
      let (numbers, got) = (Self.numbers(value), Self.numbers(written.metadata[key]))
      if !numbers.isEmpty, numbers.count == got.count {
        #expect(zip(got, numbers).allSatisfy { abs($0 - $1) <= 1e-6 * abs($1) }, "\(key)")
      } else {
        #expect(written.metadata[key] == value, "\(key)")
      }
    }
  }

  /// A number, or those of a list, that are no integers.
  private static func numbers(_ value: GGUFValue?) -> [Double] {
    (value?.array ?? [value].compactMap(\.self)).compactMap {
      if case .number(let number) = $0 { number } else { nil }
    }
  }

  private func expectTensors(_ written: GGUF, _ expected: GGUF) throws {
    let found = Dictionary(uniqueKeysWithValues: written.tensors.map { ($0.name, $0) })
    #expect(Set(found.keys) == Set(expected.tensors.map(\.name)))
    for tensor in expected.tensors {
      guard let got = found[tensor.name] else { continue }
      #expect(got.shape == tensor.shape && got.type == tensor.type, "\(tensor.name)")
      let (a, b) = (try got.floats(), try tensor.floats())
      // Exponentials and products are rounded in another order.
      let worst = zip(a, b).map { abs($0 - $1) / max(abs($1), 1e-30) }.max() ?? 0
      #expect(a.count == b.count && worst <= 3e-7, "\(tensor.name)")
    }
  }

  /// The checkpoint that a fixture was made of: its configuration, and its weights in BF16, of which the converter made
  /// those of the file.
  private func makeCheckpoint(of name: String) throws {
    let config = try JSONValue(file: GGUFParityTests.file("\(name).json"))
    let checkpoint = try ModelSource(GGUFParityTests.file("\(name).gguf")).checkpoint()
    let entries = try checkpoint.tensors.values.map { tensor -> SafetensorsBytes.Entry in
      var (name, values) = (tensor.name, try tensor.floats())
      if name.hasSuffix(".A") {
        (name, values) = (name + "_log", values.map { Self.rounded(log(-$0)) })
      } else if name.hasSuffix("norm.scale") {
        (name, values) = (name.dropLast(5) + "weight", values.map { Self.rounded($0 - 1) })
      }
      return .init(name, tensor.shape, try divided(values, name, tensor.shape, config), type: "BF16")
    }
    try folder.write("config.json", config.serialized())
    try folder.write("model.safetensors", SafetensorsBytes.file(entries))
  }

  /// The nearest number in BF16.
  private static func rounded(_ value: Float) -> Float {
    Matrix(format: .bf16, rows: 1, columns: 1, values: [value]).floats()[0]
  }

  /// Weights without Falcon-H1's factors, which the file has in them.
  private func divided(
    _ values: [Float], _ name: String, _ shape: [Int], _ config: JSONValue
  ) throws -> [Float] {
    guard config["model_type"] == "falcon_h1" else { return values }
    func factor(_ key: String, _ index: Int? = nil) throws -> Float {
      let value = index.map { config[key]?[$0] } ?? config[key]
      return Float(try #require(value?.double))
    }
    let part = try #require(name.split(separator: ".").dropLast().last)
    var factors = [Float](repeating: 1, count: shape[0])
    func fill(_ factor: Float) { factors = factors.map { _ in factor } }
    switch part {
    case "embed_tokens": fill(try factor("embedding_multiplier"))
    case "lm_head": fill(try factor("lm_head_multiplier"))
    case "gate_proj": fill(try factor("mlp_multipliers", 0))
    case "down_proj": fill(try factor("mlp_multipliers", 1))
    case "q_proj", "v_proj": fill(try factor("attention_in_multiplier"))
    case "k_proj": fill(try factor("attention_in_multiplier") * factor("key_multiplier"))
    case "o_proj": fill(try factor("attention_out_multiplier"))
    case "out_proj": fill(try factor("ssm_out_multiplier"))
    case "in_proj":
      // z, x, B, C and dt.
      let widths = [64, 64, 16, 16, 8]
      factors = try widths.enumerated().flatMap { index, width in
        Array(repeating: try factor("ssm_multipliers", index) * factor("ssm_in_multiplier"), count: width)
      }
    default: return values
    }
    let columns = values.count / shape[0]
    return values.indices.map { Self.rounded(values[$0] / factors[$0 / columns]) }
  }
}
