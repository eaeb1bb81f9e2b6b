import Foundation
import InferText
import TestSupport
import Testing

@testable import HybridBlocks
@testable import InferCore

/// Sequences with adapters of their own in one step, against what peft computes, and against models that the adapters
/// are merged into.
@Suite struct AdapterStepTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func llama() throws -> any LanguageModel {
    var options = LoadOptions()
    options.adapters = AdapterFixture.all[..<2].map(\.adapter)
    return try loadModel(at: AdapterFixture.all[0].base, options: options).model
  }

  /// The logits of prompts of one length, each with an adapter or none, `chunk` tokens of each at a time.
  private func logits(
    _ model: any LanguageModel, _ prompts: [[Int32]], _ adapters: [Int?], chunk: Int
  ) throws -> [[Float]] {
    let count = prompts[0].count
    let runner = try StepRunner(model: model, sequences: prompts.count, length: count, kvType: .f32, threads: 2)
    var result = prompts.map { _ in [Float]() }
    for first in stride(from: 0, to: count, by: chunk) {
      let parts = prompts.indices.map { index in
        let tokens = prompts[index][first..<min(count, first + chunk)]
        return StepRunner.Part(
          sequence: index, tokens: tokens, position: first, logits: tokens.count, adapter: adapters[index])
      }
      runner.step(parts, appendingLogitsTo: &result)
    }
    return result
  }

  /// Rows of several adapters and of none, in one range each and in several.
  @Test(arguments: [1 << 20, 5, 1]) func everySequenceHasItsOwn(chunk: Int) throws {
    let (model, a, b) = (try llama(), AdapterFixture.all[0], AdapterFixture.all[1])
    #expect(model.adapters.map(\.name) == ["llama_a", "llama_b"])
    let adapters: [Int?] = [1, nil, 0, 1, 0]
    let tokens = try a.tokens()
    let got = try logits(model, Array(repeating: tokens, count: adapters.count), adapters, chunk: chunk)
    for (adapter, got) in zip(adapters, got) {
      let expected = try adapter.map { try [a, b][$0].logits() } ?? a.logits(isPlain: true)
      #expect(distance(got, expected) <= 1e-3, "\(adapter ?? -1): \(distance(got, expected))")
      let alone = try logits(model, [tokens], [adapter], chunk: chunk)[0]
      #expect(distance(got, alone) <= 1e-5)
    }
  }

  @Test(arguments: AdapterFixture.all) func logitsAreThoseOfPeft(_ fixture: AdapterFixture) throws {
    var options = LoadOptions()
    options.adapters = [fixture.adapter]
    let model = try loadModel(at: fixture.base, options: options).model
    for chunk in [1 << 20, 3] {
      let got = try logits(model, [fixture.tokens()], [0], chunk: chunk)[0]
      #expect(try distance(got, fixture.logits()) <= 1e-3, "\(chunk)")
    }
  }

  /// An adapter of quantised weights adds as much as it adds to the weights themselves.
  @Test func quantisedWeightsHaveThemToo() throws {
    let fixture = AdapterFixture.all[0]
    var options = LoadOptions()
    options.quantization = Quantization(named: "Q8_0")
    options.adapters = [Adapter(at: AdapterFixture.folder.appending(path: "llama_a.gguf"))]
    let model = try loadModel(at: fixture.base, options: options).model
    let got = try logits(model, [fixture.tokens(), fixture.tokens()], [0, nil], chunk: 1 << 20)
    #expect(try distance(got[0], fixture.logits()) <= 0.15)
    #expect(try distance(got[1], fixture.logits(isPlain: true)) <= 0.15)
  }

  /// Every matrix of every family that can have an adapter: served beside a sequence without one, it computes what the
  /// model computes that it is merged into.
  @Test(arguments: ParityFixture.all) func servedIsMerged(_ fixture: ParityFixture) throws {
    let names = try adaptable(fixture)
    #expect(!names.isEmpty)
    var generator = SeededGenerator(seed: 47)
    var entries: [SafetensorsBytes.Entry] = []
    let rank = 2
    for (name, shape) in names {
      func numbers(_ count: Int, within bound: Float) -> [Float] {
        (0..<count).map { _ in Float.random(in: -bound...bound, using: &generator) }
      }
      let stem = "base_model.model.\(name.dropLast(".weight".count))"
      entries.append(
        .init("\(stem).lora_A.weight", [rank, shape[1]], numbers(rank * shape[1], within: 0.3)))
      entries.append(.init("\(stem).lora_B.weight", [shape[0], rank], numbers(shape[0] * rank, within: 0.1)))
    }
    try folder.write("adapter_config.json", #"{"peft_type": "LORA", "r": \#(rank), "lora_alpha": \#(rank)}"#)
    try folder.write("adapter_model.safetensors", SafetensorsBytes.file(entries))
    var options = LoadOptions()
    options.adapters = [Adapter(at: folder.url, name: "all")]
    let served = try loadModel(at: fixture.folder, options: options).model
    options.mergedAdapters = options.adapters
    options.adapters = []
    let merged = try loadModel(at: fixture.folder, options: options).model
    let tokens = (0..<12).map { _ in Int32.random(in: 0..<Int32(served.vocabularySize), using: &generator) }
    let got = try logits(served, [tokens, tokens], [nil, 0], chunk: 7)
    let expected = try logits(merged, [tokens], [nil], chunk: 7)[0]
    let plain = try logits(loadModel(at: fixture.folder).model, [tokens], [nil], chunk: 7)[0]
    #expect(distance(got[1], expected) <= 1e-3, "\(distance(got[1], expected))")
    #expect(distance(got[0], plain) <= 1e-5)
    #expect(distance(got[1], plain) > 0.01, "\(distance(got[1], plain))")
  }

  /// The matrices of a model that can have adapters.
  private func adaptable(_ fixture: ParityFixture) throws -> [(name: String, shape: [Int])] {
    let source = try ModelSource(fixture.folder)
    let family = try Families.family(for: ConfigReader(source.configuration()))
    let checkpoint = try source.checkpoint()
    var pairs: TextDictionary<LowRankPair> = [:]
    for tensor in checkpoint.tensors.values where tensor.shape.count == 2 && tensor.name.hasExactSuffix(".weight") {
      let (rows, columns) = (tensor.shape[0], tensor.shape[1])
      func zeros(_ shape: [Int]) -> Tensor {
        .computed([], name: tensor.name, shape: shape) { _ in Array(repeating: 0, count: shape.reduce(1, *)) }
      }
      pairs[tensor.name] = try LowRankPair(zeros([1, columns]), zeros([rows, 1]), scale: 1)
    }
    let weights = try WeightScope(checkpoint, plan: nil, readsMatrices: false, adapters: [pairs], threads: 1)
    _ = try HybridModel(family, weights, mayLackHead: true)
    let others = weights.unadapted(0)
    return pairs.keys.filter { name in !others.contains { $0.isExactly(name) } }.sorted().map {
      ($0, checkpoint.tensors[$0]?.shape ?? [])
    }
  }
}
