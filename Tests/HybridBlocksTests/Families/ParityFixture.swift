import Foundation
import HybridBlocks
import InferCore
import InferText
import TestSupport
import Testing

/// A small random-weight checkpoint with logits from a reference implementation.
struct ParityFixture: Sendable, CustomTestStringConvertible {
  let name: String

  init(_ name: String) { self.name = name }

  static let all = [
    "deepseek_v2", "deepseek_v3", "deepseek_v3_yarn", "granite", "granitemoe", "granitemoehybrid",
    "granitemoehybrid_dense_rope",
    "hunyuan_large", "hunyuan_t1", "hunyuan_v1_dense",
    "hunyuan_v1_moe", "hy_v3",
    "llama", "llama_yarn", "mistral", "nemotron_h", "nemotron_h_latent", "qwen2", "qwen3", "qwen3_moe",
    "bamba", "falcon_h1", "falcon_h1_norm", "falcon_h1_norm_first", "falcon_mamba", "jamba", "lfm2", "lfm2_moe",
    "mamba",
    "mamba2", "zamba2", "zamba2_bias",
    "kimi_linear", "qwen3_next", "qwen3_5", "qwen3_5_moe",
    "mistral_window", "qwen3_window", "gemma2", "gemma3", "gpt_oss", "olmo2", "olmo3", "phi3", "smollm3", "exaone4",
    "cohere2", "glm4", "glm4_moe", "seed_oss", "ernie4_5", "ernie4_5_moe", "dots1", "minimax_m2", "granite_swa",
    "granitemoe_swa", "olmo_hybrid", "lara_mini", "bailing_hybrid", "lfm3", "minimax", "recurrent_gemma", "zamba",
    "ministral3", "mimo_v2_flash", "longcat_flash", "step3p7", "xlstm", "deepseek_v32", "gemma4", "gemma4_moe", "hy_v4",
    "gemma3n", "minimax_m3_vl", "minimax_m3_vl_text", "rwkv6", "rwkv7", "rwkv_hybrid", "rwkv_hybrid_bare",
    "inkling_text", "inkling_mm_model", "qwen4_exp", "qwen4_exp_text", "inkling2_text", "inkling2", "glm5_next",
    "inkling2_loop_text", "inkling2_loop", "plamo2", "kimi_k3",
  ].map(ParityFixture.init)

  private static let root = Fixtures.folder.appending(path: "parity")

  var folder: URL { Self.root.appending(path: name) }
  var testDescription: String { name }

  /// How far a logit may be off, in standard deviations of the logits.
  var tolerance: Float { 1e-3 }

  /// Spellings of the configuration that this fixture has.
  var configurations: [String] {
    ["config.json", "config.hub.json"].filter {
      FileManager.default.fileExists(atPath: folder.appending(path: $0).path)
    }
  }

  func load(_ config: String) throws -> any LanguageModel {
    var options = LoadOptions()
    options.configuration = folder.appending(path: config)
    options.refusesUnknownKeys = true
    return try loadModel(at: folder, options: options).model
  }

  struct Reference {
    var prompts: [[Int32]] = []
    var logits: [[Float]] = []
    var greedy: [[Int32]] = []
    var margins: [[Float]] = []
  }

  func reference() throws -> Reference {
    let tensors = try Fixtures.tensors(folder.appending(path: "expected.safetensors"))
    var reference = Reference()
    for index in 0... {
      guard let prompt = tensors["input_ids.\(index)"], let logits = tensors["logits.\(index)"],
        let greedy = tensors["greedy.\(index)"], let margins = tensors["greedy_margin.\(index)"]
      else { break }
      reference.prompts.append(try prompt.integers())
      reference.logits.append(try logits.floats())
      reference.greedy.append(try greedy.integers())
      reference.margins.append(try margins.floats())
    }
    try #require(!reference.prompts.isEmpty, "no prompts in \(name)")
    return reference
  }
}

/// The standard deviation of values.
func standardDeviation(_ values: [Float]) -> Float {
  let mean = values.reduce(0, +) / Float(values.count)
  return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(values.count)).squareRoot()
}
