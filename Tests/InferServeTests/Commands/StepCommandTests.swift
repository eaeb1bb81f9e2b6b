import Foundation
import InferCore
import TestSupport
import Testing

@testable import infer_serve

struct StepCommandTests {
  /// What `logits` writes for prompts, by tensor.
  private func logits(_ prompts: [[Int32]], chunk: Int, _ model: HashModel) throws -> [String: [Float]] {
    let output = FileManager.default.temporaryDirectory.appending(path: "logits-\(UUID()).safetensors")
    defer { try? FileManager.default.removeItem(at: output) }
    let runner = try StepRunner(
      model: model, sequences: prompts.count, length: prompts.map(\.count).max() ?? 0, kvType: .f32, threads: 1)
    try Logits.write(prompts, chunk: chunk, vocabularySize: model.vocabularySize, runner: runner, to: output)
    let file = try MappedFile(at: output)
    var tensors: [String: [Float]] = [:]
    for tensor in try Safetensors.tensors(in: file) { tensors[tensor.name] = try tensor.floats() }
    return tensors
  }

  @Test(arguments: [1, 5, 16, 100]) func chunksAndBatchesChangeNothing(chunk: Int) throws {
    let model = HashModel()
    var random = SeededGenerator(seed: 4)
    let prompts = [33, 1, 17].map { count in
      (0..<count).map { _ in Int32.random(in: 0..<Int32(model.vocabularySize), using: &random) }
    }
    let tensors = try logits(prompts, chunk: chunk, model)
    #expect(tensors.keys.sorted() == ["logits.0", "logits.1", "logits.2"])
    for (index, prompt) in prompts.enumerated() {
      let expected = (1...prompt.count).flatMap { model.logits(after: Array(prompt.prefix($0))) }
      #expect(tensors["logits.\(index)"] == expected)
    }
  }

  @Test func onePromptIsCalledLogits() throws {
    let model = HashModel()
    #expect(try logits([[3, 1, 4]], chunk: 3, model).keys.sorted() == ["logits"])
  }
}

struct SamplesTests {
  @Test func middleAndSpread() {
    let odd = Samples([3, 1, 2])
    #expect(odd.median == 2 && odd.least == 1 && odd.most == 3 && odd.mean == 2 && odd.deviation == 1)
    #expect(Samples([4, 1, 2, 3]).median == 2.5)
    #expect(Samples([5]).deviation == 0)
  }

  @Test func testsAreNamedAsInLlamaBench() {
    #expect(BenchTest(prompt: 512, generate: 0, depth: 0, batch: 1, isBatch: false).name == "pp512")
    #expect(BenchTest(prompt: 0, generate: 32, depth: 1024, batch: 1, isBatch: false).name == "tg32 @ d1024")
    #expect(BenchTest(prompt: 128, generate: 32, depth: 0, batch: 4, isBatch: true).name == "pp128+tg32 b4")
  }
}
