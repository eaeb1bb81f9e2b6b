import Foundation
import InferCore
import InferText
import TestSupport
import Testing

@testable import HybridBlocks

/// Models that were saved without a head although their head is not the embedding: they embed and score texts.
@Suite struct HeadlessModelTests {
  private let folder: TemporaryFolder
  private static let prompt: [Int32] = [5, 17, 9, 100, 33, 2, 7]

  init() throws { folder = try TemporaryFolder() }

  /// Writes the model of a fixture without its head.
  private func write(
    _ fixture: String, architecture: String, prefix: String = "model.", score: [Float]? = nil
  ) throws {
    let source = Fixtures.folder.appending(path: "parity/\(fixture)")
    guard case .object(var config) = try JSONValue(file: source.appending(path: "config.json")) else { return }
    config["tie_word_embeddings"] = false
    config["architectures"] = [.string(architecture)]
    try folder.write("config.json", JSONValue.object(config).serialized())
    var entries = try Checkpoint(folder: source).tensors.values.filter { !$0.name.hasPrefix("lm_head.") }.map {
      SafetensorsBytes.Entry(prefix + $0.name.dropFirst("model.".count), $0.shape, try $0.floats())
    }
    if let score { entries.append(SafetensorsBytes.Entry("score.weight", [1, score.count], score)) }
    try folder.write("model.safetensors", SafetensorsBytes.file(entries))
  }

  private func load(_ quantization: Quantization? = nil) throws -> LoadedModel {
    var options = LoadOptions()
    options.quantization = quantization
    return try loadModel(at: folder.url, options: options)
  }

  /// The last token's hidden state, of a model that refuses to generate.
  private func embedding(_ model: LoadedModel) async throws -> [Float] {
    var configuration = EngineConfiguration()
    configuration.kvType = .f32
    let engine = try Engine(model, configuration: configuration)
    #expect(!model.hasHead)
    #expect(throws: RequestError.noHead) { try engine.submit(try model.request(prompt: Self.prompt)) }
    var scored = GenerationRequest(prompt: Self.prompt, stop: try StopConditions(maxTokens: 0))
    scored.promptLogprobs = 1
    #expect(throws: RequestError.noHead) { try engine.submit(scored) }
    let request = GenerationRequest(embedding: Self.prompt, pooling: .last)
    let values = try await engine.embeddings(of: [request])[0].values
    await engine.shutdown()
    return values
  }

  /// Names are those of a bare model, or its class is one; the fixture has the same hidden states.
  @Test(arguments: [("Qwen3ForCausalLM", ""), ("Qwen3Model", "model."), ("Qwen3Model", "")])
  func aModelForEmbeddingsNeedsNoHead(_ architecture: String, _ prefix: String) async throws {
    try write("qwen3", architecture: architecture, prefix: prefix)
    let original = try loadModel(at: Fixtures.folder.appending(path: "parity/qwen3"))
    var configuration = EngineConfiguration()
    configuration.kvType = .f32
    let engine = try Engine(original, configuration: configuration)
    let expected = try await engine.embeddings(of: [GenerationRequest(embedding: Self.prompt, pooling: .last)])
    await engine.shutdown()
    #expect(try await embedding(load()) == expected[0].values && original.hasHead)
  }

  @Test func aModelThatIsToGenerateNeedsOne() throws {
    try write("qwen3", architecture: "Qwen3ForCausalLM")
    let error = #expect(throws: ModelError.self) { try load() }
    let text = "\(String(describing: error))"
    #expect(text.contains("lm_head.weight") && text.contains("tie_word_embeddings") && text.contains("[256, "))
    try folder.write("modules.json", #"[{"type": "sentence_transformers.models.Transformer", "path": ""}]"#)
    #expect(try !load().hasHead)
  }

  /// A GGUF file of such a model is such a model, for llama.cpp as well, which takes the embedding for a head.
  @Test func aFileOfAModelForEmbeddingsHasNoHeadEither() async throws {
    try write("qwen3", architecture: "Qwen3ForCausalLM", prefix: "")
    let file = folder.url.appending(path: "model.gguf")
    let quantization = try #require(Quantization(named: "F16"))
    let result = try quantizeModel(at: folder.url, to: file, quantization)
    #expect(result.form == .llamaCpp(architecture: "qwen3"))
    #expect(try await embedding(loadModel(at: file)) == embedding(load(quantization)))
  }

  /// A scorer's head is in its GGUF file, and the score is the same: of Qwen3 as llama.cpp reads it, the softmax of two
  /// labels; else under its own name.
  @Test(arguments: ["qwen3", "qwen3_moe", "llama"]) func aFileOfAScorerScoresTheSame(_ fixture: String) async throws {
    let config = try JSONValue(file: Fixtures.folder.appending(path: "parity/\(fixture)/config.json"))
    let width = try #require(config["hidden_size"]?.int)
    let score = (0..<width).map { Float($0 * 37 % 11) / 40 - 0.1 }
    try write(fixture, architecture: "Qwen3ForSequenceClassification", score: score)
    let file = folder.url.appending(path: "model.gguf")
    let quantization = try #require(Quantization(named: "F16"))
    let result = try quantizeModel(at: folder.url, to: file, quantization)
    #expect(result.form.isLlamaCpp == (fixture == "qwen3"))
    let (model, again) = (try load(quantization), try loadModel(at: file))
    let (scorer, other) = (try #require(model.scorer), try #require(again.scorer))
    #expect(scorer.direction == score && other.direction == score)
    let probability = try await scorer.score(embedding(model))
    #expect(try await other.score(embedding(again)) == probability && probability > 0 && probability < 1)
    #expect(throws: ModelError.self) { try again.judge() }
    guard fixture == "qwen3" else { return }
    let gguf = try GGUF(MappedFile(at: file))
    let head = try #require(gguf.tensors.first { $0.name == "cls.output.weight" })
    let rows = try head.floats()
    #expect(head.shape == [2, width] && rows == score + Array(repeating: 0, count: width))
    #expect(gguf.metadata["qwen3.classifier.output_labels"] == .array([.string("yes"), .string("no")]))
  }
}
