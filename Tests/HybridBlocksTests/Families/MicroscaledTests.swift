import Foundation
import InferCore
import InferText
import TestSupport
import Testing

@testable import HybridBlocks

/// gpt-oss as it is published: experts in MXFP4, in tensors of codes and of scales.
@Suite struct MicroscaledTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let fixture = Fixtures.folder.appending(path: "parity/gpt_oss_mxfp4")

  /// What is read of the two tensors is what they stand for, to the bit.
  @Test func weightsAreThoseThatAreMeant() throws {
    let checkpoint = try Checkpoint(folder: Self.fixture)
    let expected = try Fixtures.tensors(Self.fixture.appending(path: "expected.safetensors"))
    for (name, reference) in [("gate_up_proj", "gate_up"), ("down_proj", "down")] {
      let tensor = try #require(checkpoint.tensors["model.layers.1.mlp.experts.\(name).weight"])
      let want = try #require(expected[reference])
      #expect(tensor.type == "MXFP4" && tensor.shape == want.shape)
      #expect(try tensor.floats() == want.floats())
    }
    #expect(!checkpoint.tensors.keys.contains { $0.hasExactSuffix("_blocks") || $0.hasExactSuffix("_scales") })
  }

  /// Products of 4-bit weights round activations to eight bits.
  @Test func logitsAreNearlyThoseOfTheReference() throws {
    var options = LoadOptions()
    options.refusesUnknownKeys = true
    let loaded = try loadModel(at: Self.fixture, options: options)
    #expect(loaded.summary.formats.contains { $0.name == "MXFP4" } && loaded.summary.warnings.isEmpty)
    let reference = try Fixtures.tensors(Self.fixture.appending(path: "expected.safetensors"))
    let expected = try #require(reference["logits"]).floats()
    let got = try loaded.model.logits(of: try #require(reference["input_ids"]).integers())
    func norm(_ values: [Float]) -> Float { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let error = norm(zip(got, expected).map { $0 - $1 }) / norm(expected)
    #expect(got.count == expected.count && error < 0.1, "\(error)")
  }

  /// Quantised again, experts stay as they are, and the file computes the same.
  @Test func quantisingKeepsExperts() throws {
    let output = folder.url.appending(path: "model.gguf")
    let quantization = try #require(Quantization(named: "Q8_0"))
    _ = try quantizeModel(at: Self.fixture, to: output, quantization)
    var options = LoadOptions()
    options.quantization = quantization
    let tokens: [Int32] = [5, 17, 9, 100, 33, 2, 7]
    let (before, after) = (try loadModel(at: Self.fixture, options: options), try loadModel(at: output))
    #expect(after.summary.formats.contains { $0.name == "MXFP4" })
    #expect(try before.model.logits(of: tokens) == after.model.logits(of: tokens))
  }

  @Test func halvesOfPairsAreRefused() throws {
    let name = "model.layers.0.mlp.experts.down_proj"
    func problem(_ tensors: [(name: String, type: String, shape: [Int])]) throws -> String {
      let file = try folder.write("\(UUID()).safetensors", Self.safetensors(tensors))
      do {
        _ = try Checkpoint(files: [MappedFile(at: file)])
        return "none"
      } catch { return "\(error)" }
    }
    let blocks = ("\(name)_blocks", "U8", [2, 4, 1, 16])
    #expect(try problem([blocks, ("\(name)_scales", "U8", [2, 4, 1])]) == "none")
    #expect(try problem([blocks]).contains("\(name)_scales: is missing, expected the scales"))
    #expect(try problem([blocks, ("\(name)_scales", "U8", [2, 4])]).contains("\(name)_scales: is [2, 4] in U8"))
    #expect(try problem([blocks, ("\(name)_scales", "F32", [2, 4, 1])]).contains("in F32, expected a byte"))
    #expect(
      try problem([("\(name)_blocks", "U8", [2, 4, 1, 15]), ("\(name)_scales", "U8", [2, 4, 1])])
        .contains("expected rows of blocks of 16 bytes"))
  }

  /// A file of such tensors, all zeros.
  private static func safetensors(_ tensors: [(name: String, type: String, shape: [Int])]) -> Data {
    var (entries, offset) = ([String](), 0)
    for (name, type, shape) in tensors {
      let end = offset + shape.reduce(type == "F32" ? 4 : 1, *)
      entries.append(
        "\"\(name)\": {\"dtype\": \"\(type)\", \"shape\": \(shape), \"data_offsets\": [\(offset), \(end)]}")
      offset = end
    }
    let header = Data("{\(entries.joined(separator: ", "))}".utf8)
    let length = Data((0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) })
    return length + header + Data(count: offset)
  }
}
