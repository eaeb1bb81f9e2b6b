import Foundation
import HybridBlocks
import InferCore
import InferText
import TestSupport
import Testing

/// The bundled model, from chat messages to tokens, against PyTorch (`Models/tiny/train/reference.py`).
@Suite struct TinyModelTests {
  private struct Case {
    let name: String
    let messages: JSONValue
    let tools: JSONValue?
    let variables: JSONObject
    let prompt: String
    let promptTokens: [Int32]
    let outputTokens: [Int32]
  }

  private static let folder = Fixtures.tinyModel

  private func cases() throws -> [Case] {
    let json = try JSONValue(file: Fixtures.folder.appending(path: "tiny/expected.json"))
    return try #require(json["cases"]?.array).map { entry in
      func tokens(_ key: String) throws -> [Int32] { try #require(entry[key]?.array).compactMap(\.int).map(Int32.init) }
      var variables: JSONObject = [:]
      for key in entry["template_kwargs"]?.keys ?? [] where key != "tools" {
        variables[key] = entry["template_kwargs"]?[key]
      }
      return Case(
        name: entry["name"]?.string ?? "", messages: try #require(entry["messages"]),
        tools: entry["template_kwargs"]?["tools"], variables: variables, prompt: try #require(entry["prompt"]?.string),
        promptTokens: try tokens("prompt_tokens"),
        outputTokens: try tokens("output_tokens"))
    }
  }

  @Test(arguments: ["none", "minimal", "low", "medium", "high"])
  func littleEffortIsNoThinking(effort: String) throws {
    let template = try #require(try loadModel(at: Self.folder).chatTemplate)
    let prompt = try template.render(
      messages: [["role": "user", "content": "Hello"]], variables: ["reasoning_effort": .string(effort)])
    #expect(prompt.hasSuffix("</think>\n") == ["none", "minimal"].contains(effort))
  }

  /// Configurations of before transformers 5 spell positions otherwise.
  @Test func theOlderSpellingOfPositionsComputesTheSame() throws {
    let folder = try TemporaryFolder()
    var config = try JSONValue(file: Self.folder.appending(path: "config.json"))
    config["rope_parameters"] = nil
    config["rope_theta"] = 10_000
    config["rope_scaling"] = ["type": "dynamic", "alpha": 50]
    try folder.write("config.json", config.serialized())
    var options = LoadOptions()
    options.configuration = folder.url.appending(path: "config.json")
    let logits = try [LoadOptions(), options].map { options in
      let model = try loadModel(at: Self.folder, options: options).model
      let runner = try StepRunner(model: model, sequences: 1, length: 64, kvType: .f32, threads: 1)
      var result: [Float] = []
      runner.step([.init(sequence: 0, tokens: (1..<60).map(Int32.init)[...], position: 0, logits: 1)]) { rows in
        for column in 0..<rows.columns { result.append(rows[0][column]) }
      }
      return result
    }
    #expect(logits[0] == logits[1] && logits[0].count == 1024)
  }

  @Test func promptsAreRenderedAndEncodedAsByTheReference() throws {
    let loaded = try loadModel(at: Self.folder)
    let (tokenizer, template) = (try #require(loaded.tokenizer), try #require(loaded.chatTemplate))
    let cases = try cases()
    #expect(cases.count >= 6)
    for expected in cases {
      let prompt = try template.render(
        messages: expected.messages, tools: expected.tools, variables: expected.variables)
      #expect(prompt == expected.prompt, "\(expected.name)")
      #expect(try tokenizer.encode(prompt) == expected.promptTokens, "\(expected.name)")
    }
  }

  /// All at once, so that they share steps; with few rows a step, prompts are cut into chunks.
  @Test(arguments: [32, 512]) func tokensAreThoseOfTheReference(maxBatchTokens: Int) async throws {
    let loaded = try loadModel(at: Self.folder)
    let cases = try cases()
    var configuration = EngineConfiguration()
    configuration.endTokens = loaded.generation.endTokens
    configuration.maxBatchTokens = maxBatchTokens
    let engine = try Engine(model: loaded.model, configuration: configuration)
    let generations = try engine.submit(cases.map { GenerationRequest(prompt: $0.promptTokens, sampling: .greedy) })
    for (expected, generation) in zip(cases, generations) {
      var tokens: [Int32] = []
      for await case .token(let token) in generation { tokens.append(token.id) }
      #expect(tokens == expected.outputTokens, "\(expected.name)")
    }
    await engine.shutdown()
  }
}
