import Foundation
import InferCore
import InferText
import TestSupport
import Testing

@testable import HybridBlocks

struct RelevanceScorerTests {
  /// A GGUF file of llama.cpp's with a classifier.
  private func load(_ labels: [String]?, rows: Int, _ keys: [String: GGUFValue] = [:]) throws -> LoadedModel {
    let folder = try TemporaryFolder()
    let file = try GGUF(MappedFile(at: Fixtures.folder.appending(path: "gguf/llama.gguf")))
    var metadata = file.metadata
    metadata["llama.pooling_type"] = .unsigned(4)
    if let labels { metadata["llama.classifier.output_labels"] = .array(labels.map(GGUFValue.string)) }
    let width = try #require(file.tensors.first { $0.name == "token_embd.weight" }?.shape.last)
    let original = folder.url.appending(path: "judge.gguf")
    let tensors = file.tensors.map { GGUFWriter.Tensor(name: $0.name, shape: $0.shape, format: .f32) }
    let writer = try GGUFWriter(
      at: original, metadata: metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
      tensors: tensors + [GGUFWriter.Tensor(name: "cls.output.weight", shape: [rows, width], format: .f32)])
    for tensor in file.tensors {
      let values = try tensor.floats()
      try writer.write(Matrix(rows: 1, columns: values.count, values: values))
    }
    try writer.write(Matrix(rows: rows, columns: width, values: Self.head(rows: rows, width: width)))
    try writer.finish()
    let copy = folder.url.appending(path: "copy.gguf")
    let result = try quantizeModel(
      at: original, to: copy, try #require(Quantization(named: "F16")))
    #expect(result.form == .llamaCpp(architecture: "llama"))
    let (model, again) = (try loadModel(at: original), try loadModel(at: copy))
    #expect(model.scorer?.direction == again.scorer?.direction && model.embedding == again.embedding)
    return model
  }

  private static func head(rows: Int, width: Int) -> [Float] {
    (0..<rows * width).map { Float(($0 * 37) % 11) / 40 - 0.1 }
  }

  @Test(arguments: [(["yes", "no"], 0), (["no", "yes"], 1), (["relevant", "other"], 0)])
  func twoLabelsAreASoftmax(_ labels: [String], _ yes: Int) throws {
    let model = try load(labels, rows: 2)
    let width = try #require(model.model.hiddenWidth)
    let hidden = (0..<width).map { Float($0 % 5) - 2 }
    let head = Self.head(rows: 2, width: width)
    let logits = (0..<2).map { row in zip(head[(row * width)...], hidden).reduce(0) { $0 + Double($1.0 * $1.1) } }
    let expected = exp(logits[yes]) / (exp(logits[0]) + exp(logits[1]))
    let scorer = try #require(model.scorer)
    #expect(abs(scorer.score(hidden) - expected) < 1e-6 && expected > 0.01 && expected < 0.99)
    #expect(model.embedding.pooling == nil && model.embedding.obstacle?.contains("rank") == true)
  }

  @Test func oneLabelIsASigmoid() throws {
    let model = try load(nil, rows: 1)
    let width = try #require(model.model.hiddenWidth)
    let logit = Double(Self.head(rows: 1, width: width).reduce(0, +))
    #expect(abs(try #require(model.scorer).score(Array(repeating: 1, count: width)) - 1 / (1 + exp(-logit))) < 1e-6)
    #expect(throws: ModelError.self) { try load(["a", "b", "c"], rows: 3) }
    #expect(throws: ModelError.self) { try load(["yes", "no"], rows: 1) }
  }

  @Test func modelsWithoutAClassifierHaveNone() throws {
    let model = try loadModel(at: Fixtures.folder.appending(path: "gguf/llama.gguf"))
    #expect(model.scorer == nil)
    #expect(throws: ModelError.self) { try model.judge() }
  }

  @Test func promptsHavePlaces() throws {
    let template = try ChatTemplate(sources: [
      "default": "x", "rerank": "<q>{query}</q>{document} of {query} \(RelevanceScorer.usualInstruction)",
    ])
    func prompt(_ template: ChatTemplate) throws(ModelError) -> RelevanceScorer.Prompt {
      try RelevanceScorer.Prompt(template) { .unsuitable($0) }
    }
    let scorer = RelevanceScorer(prompt: try prompt(template), direction: [])
    let text = try scorer.prompt(query: "{document}é", document: "", instruction: "Task")
    #expect(text.text == "<q>{document}é</q> of {document}é Task" && scorer.takesInstructions)
    #expect(text.segments.filter { !$0.isFromTemplate }.map(\.text) == ["{document}é", "{document}é", "Task"])
    let bare = try ChatTemplate(sources: ["rerank": "{query}{document}"])
    #expect(!RelevanceScorer(prompt: try prompt(bare), direction: []).takesInstructions)
    let wrong = try ChatTemplate(sources: ["rerank": "{query}"])
    #expect(throws: ModelError.self) { try prompt(wrong) }
    let roles = try ChatTemplate(
      source: "{% for m in messages %}{{ m.role == 'query' or m.role == \"document\" }}{% endfor %}")
    let asked = RelevanceScorer(prompt: try prompt(roles), direction: [])
    #expect(try asked.prompt(query: "a", document: "b", instruction: "c").text == "FalseTrueTrue")
    let plain = try prompt(ChatTemplate(source: "{{ documents }} query"))
    let usual = try RelevanceScorer(prompt: plain, direction: []).prompt(query: "a", document: "b").text
    #expect(usual.hasPrefix("<|im_start|>system\nJudge whether") && usual.hasSuffix("<think>\n\n</think>\n\n"))
  }
}
