import Foundation
import InferCore
import InferText
import TestSupport
import Testing

@testable import HybridBlocks

/// Latent attention whose maps to keys and values are stored in two tensors, as GGUF files have them, in place of one.
@Suite struct LatentMapsTests {
  @Test(arguments: ["deepseek_v3", "deepseek_v3_yarn"]) func separateMapsAreTheSameModel(_ name: String) throws {
    let fixture = ParityFixture(name)
    let json = try JSONValue(file: fixture.folder.appending(path: "config.json"))
    let shape = try ConfigReader(json).latentAttentionShape(width: 1)
    let tokens: [Int32] = (0..<20).map { 3 + $0 * 11 % 200 }
    // Both are written with 32 bits, which instruction sets multiply in other ways than 16.
    func logits(_ entries: (Tensor, [Float]) -> [SafetensorsBytes.Entry]) throws -> [Float] {
      let folder = try TemporaryFolder()
      try folder.write("config.json", json.serialized())
      let tensors = try Checkpoint(folder: fixture.folder).tensors.values
      let file = try SafetensorsBytes.file(tensors.flatMap { try entries($0, $0.floats()) })
      try folder.write("model.safetensors", file)
      return try self.logits(loadModel(at: folder.url).model, tokens)
    }
    let whole = try logits { [SafetensorsBytes.Entry($0.name, $0.shape, $1)] }
    let separate = try logits { tensor, values in
      guard tensor.name.hasSuffix("kv_b_proj.weight") else {
        return [SafetensorsBytes.Entry(tensor.name, tensor.shape, values)]
      }
      return split(values, String(tensor.name.dropLast("kv_b_proj.weight".count)), shape)
    }
    #expect(zip(whole, separate).allSatisfy { abs($0 - $1) <= 1e-5 } && whole.count == separate.count)
  }

  /// What these families are for: a latent row in place of all heads' keys and values, and layers that cache nothing.
  @Test(arguments: [("deepseek_v3", 3 * (32 + 8)), ("deepseek_v2", 3 * (24 + 8)), ("hunyuan_large", 3 * 2 * 2 * 8)])
  func cachesAreSmall(_ name: String, elementsPerToken: Int) throws {
    let layout = try ParityFixture(name).load("config.json").stateLayout
    #expect(layout.pageBytes(tokens: 5, type: .f16) == 5 * 2 * elementsPerToken && layout.slotBytes == 0)
  }

  private func split(
    _ values: [Float], _ prefix: String, _ shape: LatentAttention.Shape
  ) -> [SafetensorsBytes.Entry] {
    let rows = shape.keyDimension + shape.valueDimension
    func weight(_ head: Int, _ row: Int, _ column: Int) -> Float {
      values[(head * rows + row) * shape.latentDimension + column]
    }
    let keys = (0..<shape.heads).flatMap { head in
      (0..<shape.latentDimension).flatMap { column in (0..<shape.keyDimension).map { weight(head, $0, column) } }
    }
    let ofValues = (0..<shape.heads).flatMap { head in
      (shape.keyDimension..<rows).flatMap { row in (0..<shape.latentDimension).map { weight(head, row, $0) } }
    }
    return [
      SafetensorsBytes.Entry(
        prefix + "k_b_proj.weight", [shape.heads, shape.latentDimension, shape.keyDimension], keys),
      SafetensorsBytes.Entry(
        prefix + "v_b_proj.weight", [shape.heads, shape.valueDimension, shape.latentDimension], ofValues),
    ]
  }

  private func logits(_ model: any LanguageModel, _ tokens: [Int32]) throws -> [Float] {
    let runner = try StepRunner(model: model, sequences: 1, length: tokens.count, kvType: .f32, threads: 2)
    var result: [Float] = []
    runner.step([.init(sequence: 0, tokens: tokens[...], position: 0, logits: 1)]) { rows in
      result = (0..<rows.columns).map { rows[0][$0] }
    }
    return result
  }
}
