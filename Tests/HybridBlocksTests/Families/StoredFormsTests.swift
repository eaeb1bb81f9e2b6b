import Foundation
import InferCore
import InferText
import Testing

@testable import HybridBlocks

/// Blocks read one name and one layout, whatever checkpoints and files of llama.cpp store.
@Suite struct StoredFormsTests {
  private func weights(_ name: String) throws -> (checkpoint: Checkpoint, scope: WeightScope) {
    let fixture = ParityFixture(name)
    let config = try ConfigReader(JSONValue(file: fixture.folder.appending(path: "config.json")))
    let checkpoint = try Checkpoint(folder: fixture.folder)
    return (checkpoint, try WeightScope(checkpoint).reading(Families.family(for: config).storedForms))
  }

  /// To the bit.
  @Test(arguments: ["mamba", "mamba2", "granitemoehybrid", "qwen3_next", "kimi_linear", "falcon_h1", "jamba"])
  func ratesAreOfTheirLogarithms(_ name: String) throws {
    let (checkpoint, scope) = try weights(name)
    let stored = checkpoint.tensors.values.filter { $0.name.hasSuffix(".A_log") }
    #expect(!stored.isEmpty)
    for tensor in stored {
      let shape = name == "kimi_linear" ? [tensor.count] : tensor.shape
      let rates = try scope.floats(String(tensor.name.dropLast(4)), shape: shape)
      #expect(try rates == tensor.floats().map { -exp($0) }, "\(tensor.name)")
    }
    #expect(scope.loaded.map(\.tensor.name) == stored.map(\.name).sorted())
  }

  @Test(arguments: ["qwen3_next", "qwen3_5", "qwen4_exp_text"])
  func normsAreOfTheirDifferencesFromOne(_ name: String) throws {
    let (checkpoint, scope) = try weights(name)
    var (differences, plain) = (0, 0)
    for tensor in checkpoint.tensors.values where tensor.name.hasSuffix("norm.weight") {
      guard !tensor.name.hasPrefix("mtp."), !tensor.name.contains("visual") else { continue }
      // The norm behind the delta rule is stored as it is.
      let isPlain = tensor.name.hasSuffix("linear_attn.norm.weight")
      if isPlain { plain += 1 } else { differences += 1 }
      let expected = try tensor.floats().map { isPlain ? $0 : $0 + 1 }
      #expect(try scope.vector(tensor.name, count: tensor.count) == expected, "\(tensor.name)")
    }
    #expect(differences > 6 && plain > 1)
  }

  /// Blocks read the same names and shapes from both kinds of files.
  @Test(arguments: ["deepseek_v3", "kimi_linear"]) func latentMapsAreApart(_ name: String) throws {
    let (checkpoint, scope) = try weights(name)
    let config = try ConfigReader(JSONValue(file: ParityFixture(name).folder.appending(path: "config.json")))
    let shape = try config.latentAttentionShape(width: 1)
    let tensor = try #require(checkpoint.tensors.values.first { $0.name.hasSuffix("kv_b_proj.weight") })
    let layer = String(tensor.name.dropLast("kv_b_proj.weight".count))
    let keys = try scope.matrices(
      "\(layer)k_b_proj.weight", count: shape.heads, rows: shape.latentDimension, columns: shape.keyDimension,
      role: .stored)
    let values = try scope.matrices(
      "\(layer)v_b_proj.weight", count: shape.heads, rows: shape.valueDimension, columns: shape.latentDimension,
      role: .stored)
    let (all, rows) = (try tensor.floats(), shape.keyDimension + shape.valueDimension)
    for head in 0..<shape.heads {
      let first = head * rows * shape.latentDimension
      let turned = (0..<shape.latentDimension).flatMap { column in
        (0..<shape.keyDimension).map { all[first + $0 * shape.latentDimension + column] }
      }
      #expect(keys[head].floats() == turned && keys[head].format == tensor.format)
      let start = first + shape.keyDimension * shape.latentDimension
      #expect(values[head].floats() == Array(all[start..<start + shape.valueDimension * shape.latentDimension]))
    }
    let account = scope.loaded
    #expect(account.map(\.tensor.name) == [tensor.name] && account[0].byteCount == tensor.byteCount)
  }
}
