import Foundation
import HybridBlocks
import InferCore
import InferText
import TestSupport
import Testing

/// Files of llama.cpp's converter against logits of Hugging Face transformers for the weights they were made of (see
/// `Tests/Fixtures/gguf/make_fixtures.py`).
@Suite struct GGUFParityTests {
  /// Those that are written as well.
  static let architectures = [
    "deepseek2", "deepseek2-lite", "falcon-h1", "granite", "granitehybrid", "granitehybrid-dense", "granitemoe",
    "hunyuan-dense", "hunyuan-moe", "hy_v3", "jamba", "lfm2", "lfm2moe", "llama", "llama-biased", "llama3", "mamba",
    "mamba2", "nemotron_h", "nemotron_h_moe", "qwen2", "qwen3", "qwen3moe", "qwen3next",
    "cohere2", "dots1", "ernie4_5", "exaone4", "gemma2", "gemma3", "glm4", "glm4moe", "gpt-oss", "minimax-m2", "olmo2",
    "olmo3", "seed_oss", "smollm3", "gemma4", "gemma4-moe", "mimo2", "mistral3", "step35",
    "deepseek32", "granite_swa", "granite_swa-moe", "rwkv6", "rwkv7",
  ]
  /// Those that are read only, or written in another way.
  static let others = [
    "arwkv7", "arwkv7-bare", "bailingmoe3", "bamba", "ernie4_5-moe", "gemma3n", "gemma4-fused", "hy_v4", "kimi-linear",
    "kimi-k3",
    "minimax-01",
    "llama-fused", "phi3", "plamo2", "qwen3next-fused", "qwen35", "qwen35moe",
  ]

  static func file(_ name: String) -> URL { Fixtures.folder.appending(path: "gguf/\(name)") }

  @Test(arguments: architectures + others) func everyLogitMatches(_ architecture: String) throws {
    let loaded = try loadModel(at: Self.file("\(architecture).gguf"))
    #expect(loaded.summary.unreadTensors.isEmpty && loaded.summary.warnings.isEmpty, "\(loaded.summary.warnings)")
    let reference = try Fixtures.tensors(Self.file("\(architecture).safetensors"))
    let tokens = try #require(reference["input_ids"]).integers()
    let expected = try #require(reference["logits"]).floats()
    let got = try loaded.model.logits(of: tokens)
    let worst = zip(got, expected).map { abs($0 - $1) }.max() ?? .infinity
    #expect(got.count == expected.count)
    #expect(worst <= 1e-3, "\(architecture)")
  }

  /// What a file holds is told as it is there, with three projections in one and experts in stacks.
  @Test func filesTellWhatTheyHold() throws {
    let source = try ModelSource(Self.file("qwen3next-fused.gguf"))
    let file = try GGUF(MappedFile(at: source.files.url))
    #expect(source.architecture == "qwen3next" && source.tensorCount == file.tensors.count)
    #expect(try source.checkpoint().tensors.count > file.tensors.count)
    let folder = try ModelSource(Fixtures.folder.appending(path: "parity/llama"))
    #expect(folder.architecture == nil && folder.tensorCount == nil)
  }
}
