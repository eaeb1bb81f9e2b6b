import Foundation
import HybridBlocks
import InferCore
import InferText
import TestSupport
import Testing

/// Quantised files of llama.cpp's: what their weights are, and what is computed with them.
@Suite struct QuantizedGGUFTests {
  /// Files of `llama-quantize`, every matrix in another format than the one before (see
  /// `Tests/Fixtures/gguf/make_quantized.py`).
  static let architectures = [
    "deepseek2", "granitehybrid", "jamba", "lfm2moe", "llama", "nemotron_h_moe", "qwen3next",
  ]

  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static func file(_ architecture: String, _ kind: String = "gguf") -> URL {
    GGUFParityTests.file("quantized/\(architecture).\(kind)")
  }

  /// A copy of a file, each tensor in the format that `choose` gives it.
  private func rewritten(
    _ original: URL, as name: String, _ choose: (Tensor) -> WeightFormat
  ) throws -> URL {
    let file = try GGUF(MappedFile(at: original))
    let copy = folder.url.appending(path: "\(name).gguf")
    let formats = file.tensors.map(choose)
    let writer = try GGUFWriter(
      at: copy, metadata: file.metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
      tensors: zip(file.tensors, formats).map { .init(name: $0.name, shape: $0.shape, format: $1) })
    for (tensor, format) in zip(file.tensors, formats) {
      let columns = tensor.shape.last ?? 1
      try writer.write(
        Matrix(format: format, rows: tensor.count / columns, columns: columns, values: tensor.floats()))
    }
    try writer.finish()
    return copy
  }

  /// The largest difference between a file's logits and those of transformers, `kind` of which is asked for, in each of
  /// some prompts.
  private func distances(of file: URL, from kind: String, _ architecture: String) throws -> [Float] {
    let reference = try Fixtures.tensors(Self.file(architecture, "safetensors"))
    let (tokens, expected) = (try #require(reference["input_ids"]), try #require(reference[kind]).floats())
    let (prompts, length) = (tokens.shape[0], tokens.shape[1])
    let model = try loadModel(at: file).model
    #expect(expected.count == tokens.count * model.vocabularySize)
    let ids = try tokens.integers()
    return try (0..<prompts).map { prompt in
      let got = try model.logits(of: Array(ids[prompt * length..<(prompt + 1) * length]))
      return zip(got, expected[(prompt * got.count)...]).map { abs($0 - $1) }.max() ?? .infinity
    }
  }

  /// With the weights that gguf-py makes of the file's blocks, transformers computes what this engine computes with those
  /// that it makes of them itself.
  @Test(arguments: architectures) func blocksStandForTheSameWeights(_ architecture: String) throws {
    let plain = try rewritten(Self.file(architecture), as: "plain") { _ in .f32 }
    let distances = try distances(of: plain, from: "dequantized", architecture)
    #expect(distances.allSatisfy { $0 <= 1e-3 }, "\(distances)")
  }

  /// Dot products of integers round what a matrix is multiplied with to eight bits, and do nothing else to it. A number on
  /// the border between two codes may be rounded either way, which moves what follows as far as rounding does at all; most
  /// prompts have none.
  @Test(arguments: architectures) func productsRoundNothingButTheirInputs(_ architecture: String) throws {
    let distances = try distances(of: Self.file(architecture), from: "rounded", architecture)
    #expect(distances.count { $0 <= 1e-4 } > distances.count / 2 && distances.allSatisfy { $0 <= 0.3 }, "\(distances)")
  }

  /// A file whose matrices have fifteen formats of few bits (see `Tests/Fixtures/gguf/make_few_bits.py`) computes what its
  /// weights as floats do, but for the rounding of what they are multiplied with, alone and in a prompt of many tokens.
  @Test func formatsOfFewBitsAreTheirWeights() throws {
    let file = GGUFParityTests.file("quantized/few_bits.gguf")
    let names = Set(try GGUF(MappedFile(at: file)).tensors.map(\.type))
    let formats = WeightFormat.all.filter { names.contains($0.name) && $0.isQuantized }
    #expect(formats.count == 15 && formats.allSatisfy { !["Q8_0", "Q4_0", "Q4_K", "Q5_K", "Q6_K"].contains($0.name) })
    let plain = try rewritten(file, as: "plain") { _ in .f32 }
    let model = try loadModel(at: file)
    #expect(Set(model.summary.formats.map(\.name)) == names)
    let tokens = (0..<40).map { Int32($0 * 37 % 96) }
    for count in [1, 40] {
      let got = try model.model.logits(of: Array(tokens.prefix(count)))
      let expected = try loadModel(at: plain).model.logits(of: Array(tokens.prefix(count)))
      let size = expected.map { $0 * $0 }.reduce(0, +)
      let off = zip(got, expected).map { ($0 - $1) * ($0 - $1) }.reduce(0, +)
      #expect(off < 1e-3 * size && off > 0 && size > 0, "\(off / size) of \(count) tokens")
    }
  }

  /// llama.cpp has the scale of a whole matrix in NVFP4 in a tensor of its own.
  @Test func scalesOfWholeMatricesCount() throws {
    let file = try GGUF(MappedFile(at: GGUFParityTests.file("quantized/few_bits.gguf")))
    let plain = try #require(file.tensors.first { $0.type == "NVFP4" })
    let name = try #require(plain.name.removing(exactSuffix: ".weight"))
    func checkpoint(_ scale: [Float]) throws -> Checkpoint {
      let copy = folder.url.appending(path: "scaled.gguf")
      let writer = try GGUFWriter(
        at: copy, metadata: file.metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
        tensors: file.tensors.map {
          .init(name: $0.name, shape: $0.shape, format: $0.format ?? .f32)
        } + ["scale", "input_scale"].map { .init(name: "\(name).\($0)", shape: [scale.count], format: .f32) })
      for tensor in file.tensors {
        try writer.write(tensor.matrix(in: tensor.format ?? .f32, team: ThreadTeam(count: 1)))
      }
      for _ in 0..<2 { try writer.write(Matrix(rows: 1, columns: scale.count, values: scale)) }
      try writer.finish()
      return try ModelSource(copy).checkpoint()
    }
    let scaled = try checkpoint([3.7]).tensors.values.filter { $0.type == "FP4" }
    #expect(scaled.count == 1 && scaled.first?.shape == plain.shape)
    for (got, stored) in zip(try #require(scaled.first).floats(), try plain.floats()) {
      #expect(abs(got - 3.7 * stored) <= 0x1p-11 * abs(3.7 * stored))
    }
    let error = #expect(throws: ModelError.self) { try checkpoint([1, 2]) }
    #expect("\(error, default: "")".contains("\(name).scale: is [2] in F32, expected [1]"))
  }

  /// Whatever a dialect does to rows, stacks and parts, it does to blocks of any format as it does to numbers, and so that
  /// the family takes a mixture of them.
  @Test(arguments: GGUFParityTests.architectures + GGUFParityTests.others)
  func blocksMoveAsNumbersDo(_ architecture: String) throws {
    let formats: [WeightFormat] = [.q8_0, .q4_0, .q5_1, .q4_1, .q5_0]
    var turn = 0
    let file = try rewritten(GGUFParityTests.file("\(architecture).gguf"), as: "mixed") { tensor in
      // Norms stay as they are, as `llama-quantize` leaves them.
      guard tensor.shape.count > 1, tensor.shape.last.map({ $0 % 32 == 0 }) == true, !tensor.name.contains("norm")
      else {
        return .f32
      }
      turn += 1
      return formats[turn % formats.count]
    }
    let plain = try ModelSource(rewritten(file, as: "plain") { _ in .f32 }).checkpoint().tensors
    let mixed = try ModelSource(file).checkpoint().tensors
    #expect(turn > 4 && mixed.keys == plain.keys)
    for (name, tensor) in mixed {
      let expected = try #require(plain[name])
      #expect(tensor.shape == expected.shape)
      #expect(try tensor.floats().map(\.bitPattern) == expected.floats().map(\.bitPattern), "\(name)")
    }
    #expect(try loadModel(at: file).summary.unreadTensors == [])
  }
}
