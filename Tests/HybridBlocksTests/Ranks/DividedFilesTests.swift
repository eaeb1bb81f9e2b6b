import Foundation
import HybridBlocks
import InferCore
import InferText
import TestSupport
import Testing

/// Ranks that read their parts of files whose tensors stand in other ways than blocks read them.
@Suite struct DividedFilesTests {
  /// Files whose heads stand in an order in which a rank's are not side by side.
  private static let tiled: Set<String> = ["qwen35", "qwen35moe"]

  /// Files of llama.cpp's converter, as `GGUFParityTests` has them for one rank.
  @Test(arguments: GGUFParityTests.architectures + GGUFParityTests.others)
  func logitsOfFilesAreThoseOfTheReference(_ architecture: String) throws {
    let reference = try Fixtures.tensors(GGUFParityTests.file("\(architecture).safetensors"))
    let tokens = try #require(reference["input_ids"]).integers()
    let expected = try #require(reference["logits"]).floats()
    let file = GGUFParityTests.file("\(architecture).gguf")
    do {
      let got = try Self.logits(file, tokens)
      let worst = zip(got, expected).map { abs($0 - $1) }.max() ?? .infinity
      #expect(got.count == expected.count && worst <= 1e-3, "\(worst)")
      #expect(!Self.tiled.contains(architecture))
    } catch let error as ModelError {
      #expect(Self.tiled.contains(architecture) && "\(error)".contains("whose value heads are tiled"), "\(error)")
    }
  }

  /// Checkpoints that other programs quantised: parts of codes are the codes, or what they are read as. Where a block of codes
  /// would have to be cut, the tensor is named.
  @Test(arguments: QuantizedCheckpointTests.names)
  func quantisedCheckpointsAreDivided(_ name: String) throws {
    let place = QuantizedCheckpointTests.all.appending(path: name)
    let tokens: [Int32] = [5, 17, 9, 33, 2, 7, 61]
    let whole = try loadModel(at: place).model.logits(of: tokens)
    do {
      #expect(distance(try Self.logits(place, tokens), whole) <= 0.05)
    } catch let error as ModelError {
      let words = ["_proj.weight: has blocks of", "are no whole ones: the model cannot be divided among 2"]
      #expect(words.allSatisfy { "\(error)".contains($0) }, "\(error)")
    }
  }

  /// The logits of all tokens, computed by two ranks.
  private static func logits(_ place: URL, _ tokens: [Int32]) throws -> [Float] {
    try onRanks(2) { ranks in
      let grid = RankGrid(ranks)
      return try DividedModelTests.logits(DividedModelTests.load(place, grid), tokens, chunk: 3, grid)
    }[0]
  }
}
