import Foundation
import HybridBlocks
import InferCore
import InferText
import TestSupport
import Testing

struct EmbeddingDefaultsTests {
  /// A folder with the weights of a fixture and files of sentence-transformers.
  private func load(_ modules: String?, pooling: String? = nil) throws -> EmbeddingDefaults {
    let folder = try TemporaryFolder()
    let source = Fixtures.folder.appending(path: "parity/llama")
    for name in ["config.json", "model.safetensors"] {
      try folder.write(name, Array(try Data(contentsOf: source.appending(path: name))))
    }
    if let modules { try folder.write("modules.json", modules) }
    if let pooling {
      try FileManager.default.createDirectory(
        at: folder.url.appending(path: "1_Pooling"), withIntermediateDirectories: false)
      try folder.write("1_Pooling/config.json", pooling)
    }
    return try loadModel(at: folder.url).embedding
  }

  private static func module(_ type: String, _ path: String = "") -> String {
    #"{"type": "sentence_transformers.models.\#(type)", "path": "\#(path)"}"#
  }

  private static let pooled = "[\(module("Transformer")), \(module("Pooling", "1_Pooling"))]"

  @Test func withoutFilesTheLastTokenCounts() throws { #expect(try load(nil) == EmbeddingDefaults()) }

  @Test(arguments: [
    (#"{"pooling_mode_lasttoken": true, "pooling_mode_mean_tokens": false, "include_prompt": true}"#, Pooling.last),
    (#"{"pooling_mode_mean_tokens": true}"#, .mean), (#"{"pooling_mode_cls_token": true}"#, nil),
    (#"{"pooling_mode": "mean"}"#, .mean), (#"{"pooling_mode_max_tokens": true}"#, nil),
    (#"{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true}"#, nil), ("[]", nil),
  ])
  func poolingIsTheFiles(_ config: String, _ expected: Pooling?) throws {
    let defaults = try load(Self.pooled, pooling: config)
    #expect(defaults.pooling == expected && !defaults.normalizes && (defaults.obstacle == nil) == (expected != nil))
  }

  @Test func otherModulesAreAnObstacle() throws {
    let normalizing = "[\(Self.module("Pooling", "1_Pooling")), \(Self.module("Normalize"))]"
    #expect(try load(normalizing, pooling: #"{"pooling_mode": "mean"}"#).normalizes)
    let dense = "[\(Self.module("Pooling", "1_Pooling")), \(Self.module("Dense", "2_Dense"))]"
    #expect(try load(dense, pooling: #"{"pooling_mode": "mean"}"#).obstacle?.contains("Dense") == true)
    #expect(try load("[\(Self.module("Pooling", "../1_Pooling"))]").obstacle != nil)
    #expect(try load("{}") == EmbeddingDefaults() && load("[1]").pooling == nil)
    #expect(throws: ModelError.self) { try load("[") }
  }

  /// A GGUF file of llama.cpp's with keys behind its architecture.
  private func load(_ keys: [String: GGUFValue]) throws -> (defaults: EmbeddingDefaults, again: EmbeddingDefaults) {
    let folder = try TemporaryFolder()
    let file = try GGUF(MappedFile(at: Fixtures.folder.appending(path: "gguf/llama.gguf")))
    var metadata = file.metadata
    for (key, value) in keys { metadata["llama.\(key)"] = value }
    let (original, copy) = (folder.url.appending(path: "a.gguf"), folder.url.appending(path: "b.gguf"))
    let writer = try GGUFWriter(
      at: original, metadata: metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
      tensors: file.tensors.map { .init(name: $0.name, shape: $0.shape, format: .f32) })
    for tensor in file.tensors {
      let values = try tensor.floats()
      try writer.write(Matrix(rows: 1, columns: values.count, values: values))
    }
    try writer.finish()
    _ = try quantizeModel(at: original, to: copy, try #require(Quantization(named: "Q8_0")))
    return (try loadModel(at: original).embedding, try loadModel(at: copy).embedding)
  }

  @Test(arguments: [
    (1, Pooling.mean, ""), (3, .last, ""), (0, nil, "wants none"), (2, nil, "wants cls"), (4, nil, "wants rank"),
    (9, nil, "is 9, and no way of pooling"),
  ])
  func poolingIsTheGGUFFiles(_ type: UInt64, _ expected: Pooling?, _ obstacle: String) throws {
    let (defaults, again) = try load(["pooling_type": .unsigned(type)])
    #expect(defaults.pooling == expected && defaults.normalizes && (defaults.obstacle == nil) == (expected != nil))
    let told = defaults.obstacle ?? ""
    #expect(obstacle.isEmpty || told.contains("llama.pooling_type \(obstacle)"), "\(told)")
    #expect(again == defaults)
  }

  @Test func ggufFilesMayWantWhatCannotBe() throws {
    #expect(try load([:]).defaults == EmbeddingDefaults())
    let blind = try load(["pooling_type": .unsigned(1), "attention.causal": .bool(false)]).defaults
    #expect(blind.pooling == nil && blind.obstacle?.contains("llama.attention.causal is false") == true)
    #expect(throws: ModelError.self) { try load(["pooling_type": .string("mean")]) }
  }

  /// Embedding models are saved without their heads, and without the prefix that tells the two apart.
  @Test func namesWithoutPrefixAreTheModels() throws {
    let folder = try TemporaryFolder()
    let source = Fixtures.folder.appending(path: "parity/llama")
    try folder.write("config.json", Array(try Data(contentsOf: source.appending(path: "config.json"))))
    let bytes = Array(try Data(contentsOf: source.appending(path: "model.safetensors")))
    let length = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = String(decoding: bytes[8..<8 + length], as: UTF8.self).replacing("\"model.", with: "\"")
    let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
    let size = (0..<8).map { UInt8(truncatingIfNeeded: padded.utf8.count >> (8 * $0)) }
    try folder.write("model.safetensors", size + Array(padded.utf8) + bytes[(8 + length)...])
    #expect(try loadModel(at: folder.url).model.hiddenWidth == 48)
  }
}
