import Foundation
import InferCore
import InferText
import TestSupport
import Testing

@testable import HybridBlocks

/// Configurations of models that people run (see `Tests/Fixtures/configs/README.md`).
@Suite struct PublishedConfigTests {
  /// Layers by kind, and the sizes that a sequence's state follows from.
  struct Model: Sendable, CustomTestStringConvertible {
    let name: String
    let width: Int
    let vocabulary: Int
    let tied: Bool
    /// The first tensor that is asked for of an empty checkpoint.
    let firstTensor: String

    var testDescription: String { name }
  }

  static let models = [
    Model(name: "llama_3_2_1b", width: 2048, vocabulary: 128_256, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "smollm2_135m", width: 576, vocabulary: 49_152, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "mistral_7b_v0_3", width: 4096, vocabulary: 32_768, tied: false, firstTensor: "model.embed_tokens"),
    Model(name: "qwen2_5_0_5b", width: 896, vocabulary: 151_936, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "granite_3_3_2b", width: 2048, vocabulary: 49_159, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "granite_3_0_1b_a400m", width: 1024, vocabulary: 49_155, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "granite_4_0_h_350m", width: 768, vocabulary: 100_352, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "granite_4_0_h_1b", width: 1536, vocabulary: 100_352, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "granite_4_0_h_tiny", width: 1536, vocabulary: 100_352, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "granite_4_0_h_small", width: 4096, vocabulary: 100_352, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "hunyuan_0_5b", width: 1024, vocabulary: 120_818, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "hunyuan_7b", width: 4096, vocabulary: 128_167, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "hunyuan_a13b", width: 4096, vocabulary: 128_167, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "hunyuan_large", width: 6400, vocabulary: 129_024, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "deepseek_v2_lite", width: 2048, vocabulary: 102_400, tied: false, firstTensor: "model.embed_tokens"),
    Model(name: "deepseek_v3", width: 7168, vocabulary: 129_280, tied: false, firstTensor: "model.embed_tokens"),
    Model(name: "nemotron_h_8b", width: 4096, vocabulary: 131_072, tied: false, firstTensor: "backbone.embeddings"),
    Model(
      name: "nemotron_nano_9b_v2", width: 4480, vocabulary: 131_072, tied: false, firstTensor: "backbone.embeddings"),
    Model(
      name: "nemotron_3_nano_30b_a3b", width: 2688, vocabulary: 131_072, tied: false,
      firstTensor: "backbone.embeddings"),
    Model(name: "lfm2_350m", width: 1024, vocabulary: 65_536, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "lfm2_1_2b", width: 2048, vocabulary: 65_536, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "lfm2_8b_a1b", width: 2048, vocabulary: 65_536, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "mamba_130m", width: 768, vocabulary: 50_280, tied: true, firstTensor: "backbone.embeddings"),
    Model(name: "falcon_mamba_7b", width: 4096, vocabulary: 65_024, tied: false, firstTensor: "backbone.embeddings"),
    Model(
      name: "mamba_codestral_7b", width: 4096, vocabulary: 32_768, tied: false, firstTensor: "backbone.embeddings"),
    Model(name: "jamba_1_5_mini", width: 4096, vocabulary: 65_536, tied: false, firstTensor: "model.embed_tokens"),
    Model(name: "bamba_9b", width: 4096, vocabulary: 128_256, tied: false, firstTensor: "model.embed_tokens"),
    Model(name: "falcon_h1_0_5b", width: 1024, vocabulary: 32_784, tied: false, firstTensor: "model.embed_tokens"),
    Model(name: "zamba2_7b", width: 3584, vocabulary: 32_000, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "qwen3_0_6b", width: 1024, vocabulary: 151_936, tied: true, firstTensor: "model.embed_tokens"),
    Model(
      name: "kimi_linear_48b_a3b", width: 2304, vocabulary: 163_840, tied: false, firstTensor: "model.embed_tokens"),
    Model(name: "qwen3_next_80b_a3b", width: 2048, vocabulary: 151_936, tied: false, firstTensor: "model.embed_tokens"),
    Model(
      name: "qwen3_5_0_8b", width: 1024, vocabulary: 248_320, tied: true,
      firstTensor: "model.language_model.embed_tokens"),
    Model(
      name: "qwen3_5_9b", width: 4096, vocabulary: 248_320, tied: false,
      firstTensor: "model.language_model.embed_tokens"),
    Model(
      name: "qwen3_5_35b_a3b", width: 2048, vocabulary: 248_320, tied: false,
      firstTensor: "model.language_model.embed_tokens"),
    Model(name: "mistral_7b_v0_1", width: 4096, vocabulary: 32_000, tied: false, firstTensor: "model.embed_tokens"),
    Model(name: "gemma_2_2b", width: 2304, vocabulary: 256_000, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "gemma_3_270m", width: 640, vocabulary: 262_144, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "gemma_3_4b", width: 2560, vocabulary: 262_208, tied: true, firstTensor: "model.embed_tokens"),
    Model(name: "gpt_oss_20b", width: 2880, vocabulary: 201_088, tied: false, firstTensor: "model.embed_tokens"),
    Model(name: "qwen3_30b_a3b", width: 2048, vocabulary: 151_936, tied: false, firstTensor: "model.embed_tokens"),
  ]

  private func config(_ name: String) throws -> ConfigReader {
    try ConfigReader(JSONValue(file: Fixtures.folder.appending(path: "configs/\(name).json")))
  }

  @Test(arguments: models) func everyKeyIsKnown(_ model: Model) throws {
    let config = try config(model.name)
    let family = try Families.family(for: config)
    #expect(config.unread == [])
    let frame = family.frame
    #expect(frame.width == model.width && frame.vocabularySize == model.vocabulary && frame.isTied == model.tied)
    // All that is missing is the weights.
    let weights = try WeightScope(Checkpoint(files: []))
    #expect(
      throws: ModelError.tensor(
        name: model.firstTensor + ".weight", reason: "is missing, expected [\(model.vocabulary), \(model.width)]")
    ) { try HybridModel(family, weights) }
  }

  @Test func nemotron() throws {
    let nano2 = try NemotronH(config("nemotron_nano_9b_v2"))
    #expect(nano2.attention.headDimension == 128 && nano2.attention.queryHeads == 40)
    #expect(nano2.kinds.count { $0 == .mamba } == 27 && nano2.kinds.count { $0 == .attention } == 4)
    #expect(nano2.mamba.inner == 10_240 && nano2.mamba.channels == 10_240 + 2 * 8 * 128)
    let nano3 = try NemotronH(config("nemotron_3_nano_30b_a3b"))
    #expect(nano3.kinds.count { $0 == .experts } == 23 && nano3.selection?.expertCount == 128)
    #expect(
      nano3.expertWidth == 1856 && nano3.sharedWidth == 3712 && nano3.selection?.scale == 2.5
        && nano3.selection?.topK == 6)
    let first = try NemotronH(config("nemotron_h_8b"))
    #expect(first.attention.headDimension == 128 && first.denseWidth == 21_504 && !first.kinds.contains(.experts))
  }

  @Test func granite() throws {
    let small = try GraniteMoeHybrid(config("granite_4_0_h_small"))
    #expect(small.isMamba.count { !$0 } == 4 && small.mamba?.inner == 8192 && small.rotary == nil)
    #expect(small.selection?.topK == 10 && small.selection?.expertCount == 72 && small.sharedWidth == 1536)
    #expect(small.frame.logitScale == 1 / 16 && small.frame.embeddingScale == 12)
    let little = try GraniteMoeHybrid(config("granite_4_0_h_350m"))
    #expect(little.isMamba.indices.filter { !little.isMamba[$0] } == [10, 13, 17, 27] && little.selection == nil)
    #expect(little.attention.headDimension == 64 && little.attentionScale == 1 / 64)
  }

  @Test func plainTransformers() throws {
    let llama = try Llama(config("llama_3_2_1b"))
    #expect(llama.attention.headDimension == 64 && llama.attention.keyHeads == 8 && !llama.attention.bias)
    let qwen = try Llama(config("qwen2_5_0_5b"))
    #expect(qwen.attention.bias && !qwen.attention.outputBias && qwen.attention.headDimension == 64)
    let granite = try Llama(config("granite_3_3_2b"))
    #expect(granite.attentionScale == 1 / 64 && granite.residualScale == 0.22 && granite.frame.logitScale == 1 / 8)
    let mixture = try GraniteMoeHybrid(config("granite_3_0_1b_a400m"))
    #expect(mixture.rotary != nil && mixture.sharedWidth == 0 && mixture.selection?.topK == 8)
  }

  @Test func windows() throws {
    let mistral = try Llama(config("mistral_7b_v0_1"))
    #expect(mistral.windows == Array(repeating: 4096, count: 32))
    let gemma2 = try Gemma(config("gemma_2_2b"))
    #expect(gemma2.attention.sights.map(\.window) == (0..<26).map { $0 % 2 == 0 ? 4096 : nil })
    #expect(gemma2.attention.shape.scoreCap == 50 && gemma2.frame.logitCap == 30 && gemma2.attention.scale == 1 / 16)
    let small = try Gemma(config("gemma_3_270m"))
    #expect(small.attention.sights.map(\.window) == (0..<18).map { $0 % 6 == 5 ? nil : 512 })
    #expect(small.attention.sights[0].rotary?.frequencies.base == 10_000)
    #expect(small.attention.sights[5].rotary?.frequencies.base == 1e6)
    // Most of what it says is what is usual.
    let inside = try Gemma(config("gemma_3_4b"))
    #expect(inside.attention.shape.queryHeads == 8 && inside.attention.shape.headDimension == 256 && inside.isInside)
    #expect(inside.attention.sights.count { $0.window == 1024 } == 29 && inside.frame.contextLength == 131_072)
    let oss = try GptOss(config("gpt_oss_20b"))
    #expect(oss.attention.sights[0].window == 128 && oss.attention.sights[1].window == nil)
    #expect(oss.attention.shape.hasSinks && oss.attention.shape.bias && oss.selection.topK == 4)
  }

  @Test func latentAndSharedCaches() throws {
    let deepSeek = try DeepSeek(config("deepseek_v3"))
    #expect(
      deepSeek.attention.row == 576 && deepSeek.attention.queryDimension == 192 && deepSeek.attention.queryRank == 1536)
    #expect(deepSeek.routing.groups == (8, 4) && deepSeek.routing.topK == 8 && deepSeek.denseLayers == 3)
    // 1/√192 by (0.1 · ln 40 + 1)², and the pairs of a head of 64.
    #expect(abs(deepSeek.scoreScale - 0.135_234) < 1e-5 && deepSeek.rotary.dimension == 64)
    let lite = try DeepSeek(config("deepseek_v2_lite"))
    #expect(lite.routing.scoring == .softmax && lite.routing.groups == (1, 1) && lite.attention.queryRank == nil)
    let large = try HunyuanV1(config("hunyuan_large"))
    #expect(large.sharedLayers == 2 && large.attention.headDimension == 80 && !large.normalizesWeights)
  }

  @Test func hunyuanAndQwen() throws {
    let half = try HunyuanV1(config("hunyuan_0_5b"))
    // Heads are wider together than the residual stream.
    #expect(half.attention.headDimension * half.attention.queryHeads == 2048 && half.expertCount == 0)
    let mixture = try HunyuanV1(config("hunyuan_a13b"))
    #expect(mixture.expertCount == 64 && mixture.normalizesWeights && mixture.usesHeadNorm)
    let qwen = try Qwen3(config("qwen3_30b_a3b"))
    #expect(qwen.selection?.expertCount == 128 && qwen.selection?.normalized == true && !qwen.isDense.contains(true))
  }
  @Test func mamba() throws {
    let first = try Mamba(config("mamba_130m"))
    guard case .one(let shape, innerEpsilon: nil) = first.kind else { Issue.record("\(first.kind)"); return }
    #expect(shape.inner == 1536 && shape.timeStepRank == 48 && shape.stateSize == 16 && first.layerCount == 24)
    // States both an expansion and what it is not.
    guard case .one(let falcon, innerEpsilon: 1e-6) = try Mamba(config("falcon_mamba_7b")).kind else {
      Issue.record("no Mamba with norms")
      return
    }
    #expect(falcon.inner == 8192 && falcon.timeStepRank == 256)
    guard case .two(let second) = try Mamba(config("mamba_codestral_7b")).kind else {
      Issue.record("no Mamba-2")
      return
    }
    #expect(second.inner == 8192 && second.channels == 8192 + 2 * 8 * 128 && second.gating == .beforeNorm)
  }

  @Test func liquid() throws {
    // Two thirds of what is stated, as a multiple of 256.
    #expect(try Lfm2(config("lfm2_350m")).denseWidth == 4608 && Lfm2(config("lfm2_1_2b")).denseWidth == 8192)
    let small = try Lfm2(config("lfm2_1_2b"))
    #expect(small.isAttention.indices.filter { small.isAttention[$0] } == [2, 5, 8, 10, 12, 14])
    #expect(small.attention.headDimension == 64 && small.taps == 3 && small.selection == nil)
    let mixture = try Lfm2(config("lfm2_8b_a1b"))
    #expect(mixture.denseWidth == 7168 && mixture.denseLayers == 2 && mixture.selection?.expertCount == 32)
    #expect(mixture.isAttention.count { $0 } == 6 && mixture.usesSelectionBias)
  }

  @Test func hybridsOfMambaAndAttention() throws {
    let jamba = try Jamba(config("jamba_1_5_mini"))
    #expect(jamba.isAttention.indices.filter { jamba.isAttention[$0] } == [4, 12, 20, 28])
    #expect(jamba.hasExperts.prefix(4) == [false, true, false, true])
    #expect(jamba.mamba.inner == 8192 && jamba.selection.topK == 2 && !jamba.selection.normalized)
    let bamba = try Bamba(config("bamba_9b"))
    #expect(bamba.attentionLayers == [9, 18, 27] && bamba.rotary.dimension == 64 && bamba.mamba.inner == 8192)
    let falcon = try FalconH1(config("falcon_h1_0_5b"))
    #expect(falcon.mamba.inner == 1536 && falcon.mamba.gating == .withoutNorm && falcon.mambaFactors[3] == 0.5)
    #expect(falcon.frame.logitScale == 0.0390625 && falcon.attentionScale.output == 0.9375)
    let zamba = try Zamba2(config("zamba2_7b"))
    #expect(zamba.isHybrid.count { $0 } == 13 && zamba.transformerCount == 2 && !zamba.adaptsAttention)
    #expect(zamba.mamba.heads == 112 && zamba.attention.headDimension == 224 && zamba.rotary?.dimension == 224)
    #expect(zamba.hidden == 14_336 && zamba.adapterRank == 128)
  }

  @Test func deltaNets() throws {
    let next = try Qwen3Next(config("qwen3_next_80b_a3b"))
    #expect(next.isLinear.count { $0 } == 36 && !next.isLinear[3] && next.delta.rule.heads == 32)
    #expect(next.delta.rule.channels == 8192 && next.rotary.dimension == 64 && next.attention.isGated)
    #expect(next.selection?.topK == 10 && next.selection?.normalized == true && next.sharedWidth == 512)
    let small = try Qwen3Next(config("qwen3_5_0_8b"))
    #expect(small.selection == nil && small.denseWidth == 3584 && small.delta.rule.heads == 16)
    #expect(small.isLinear.count { !$0 } == 6 && small.rotary.dimension == 64)
    let mixture = try Qwen3Next(config("qwen3_5_35b_a3b"))
    #expect(mixture.selection?.expertCount == 256 && mixture.selection?.normalized == true)
    #expect(!mixture.isDense.contains(true) && mixture.expertWidth == 512)
    let kimi = try KimiLinear(config("kimi_linear_48b_a3b"))
    #expect(kimi.isLinear.indices.filter { !kimi.isLinear[$0] } == [3, 7, 11, 15, 19, 23, 26])
    #expect(kimi.delta.heads == 32 && kimi.delta.headDimension == 128 && kimi.attention.row == 576)
    #expect(kimi.isDense.count { $0 } == 1 && kimi.isDense[0] && kimi.routing.topK == 8 && kimi.routing.scale == 2.446)
    #expect(kimi.frame.contextLength == 1 << 20)
  }
}
